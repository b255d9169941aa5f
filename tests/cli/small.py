"""A small untrained agent."""

from __future__ import annotations

from pathlib import Path

from chisel import configs
from chisel.models import Agent, Spaces, build


def agent_of(experiment: str) -> Agent:
    """Make an agent of a maze experiment, with initial weights."""
    config = configs.load(experiment, ["model.channels=[4,4,4]", "model.hidden=8"])
    side = configs.WORLD_SIZE[config.env.mode]
    spaces = Spaces((side, side, 3), "uint8", 1.0, 15)
    return Agent(build(config.model, spaces).eval(), spaces, config, "0" * 64, 0, Path("nowhere"))
