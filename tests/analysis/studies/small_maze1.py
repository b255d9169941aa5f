"""Small cases of the studies of fields, channels and the cheese vector."""

from tests.analysis.conftest import make_run, right_or_up, units

_LAYER = "embedder.block1.conv"

CASES = {
    "vector-field": {
        "levels": 1,
        "split": "validation",
        "seed": 3,
        "orientation": "right",
        "ablate": "right",
    },
    "channels": {
        "module": _LAYER,
        "levels": 2,
        "cells": 4,
        "top": 1,
        "hits": 0.0,
        "controls": 1,
        "split": "validation",
        "seed": 3,
    },
    "retarget": {
        "module": _LAYER,
        "channels": (1,),
        "strength": 2.0,
        "levels": 2,
        "ceiling": False,
        "split": "validation",
        "seed": 3,
    },
    "cheese-vector": {
        "module": _LAYER,
        "coeff": -0.5,
        "layers": (_LAYER, "embedder.fc"),
        "coeffs": (-1.0, 0.5),
        "levels": 4,
        "split": "test",
        "cheese": "as-trained",
        "orientation": "right",
        "seed": 3,
    },
}
"""By study, options that differ from the defaults and take seconds."""


def agent_for(study, folder):
    """The run of an untrained agent; for `vector-field` one with a region that can be ablated."""
    if study == "vector-field":
        settings = ["env.goals=cheese-and-corner", "env.cheese=stock"]
        regions = {"right": units("0"), "up": units("1")}
        return make_run(folder / "run", edit=right_or_up, overrides=settings, regions=regions)
    return make_run(folder / "run")
