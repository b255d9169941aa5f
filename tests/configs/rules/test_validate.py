"""What a refusal advises is accepted, and trains."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel import configs
from chisel.configs import ConfigError
from chisel.trainers.runs.distributed import standardize

SMOKE = configs.load("maze/smoke")


@settings(max_examples=60, deadline=None)
@given(
    envs=st.integers(1, 6),
    steps=st.integers(1, 6),
    minibatches=st.integers(1, 36),
    norm=st.sampled_from(["batch", "minibatch", "none"]),
)
def test_advantages_that_pass_are_normalised_to_numbers_and_so_is_every_advice(
    envs: int, steps: int, minibatches: int, norm: str
) -> None:
    given = {"num_steps": steps, "num_minibatches": minibatches, "norm_adv": norm}
    for accepted in _accepted(envs, given):
        batch = envs * accepted["num_steps"]
        of = {"batch": batch, "minibatch": batch // accepted["num_minibatches"], "none": 2}
        normalised = standardize(torch.arange(float(of[accepted["norm_adv"]])))
        assert all(math.isfinite(value) for value in normalised.tolist())


def _accepted(envs: int, options: dict[str, Any]) -> list[dict[str, Any]]:
    """The options if they are accepted, else with each change that the refusal names."""
    try:
        algo, env = replace(SMOKE.algo, **options), replace(SMOKE.env, num_envs=envs)
        configs.validate(replace(SMOKE, algo=algo, env=env))
        return [options]
    except ConfigError as error:
        advice = str(error).partition(";")[2] or str(error).replace("so ", "algo.num_minibatches=")
    named = re.findall(r"algo\.(\w+)=(\w+)", advice)
    assert named, advice
    changes = [{key: int(value) if value.isdigit() else value} for key, value in named]
    return [one for change in changes for one in _accepted(envs, options | change)]
