"""Untrained SafeLife agents, shipped as weights."""

from collections.abc import Sequence
from pathlib import Path

from chisel import configs
from chisel.models import Agent, Spaces, build, save_agent

VIEWS = Spaces((25, 25, 1), "int16", 1023.0, 9, packed=10)
FEW = ("env.num_levels=2", "model.channels=[2,2,2]", "model.hidden=4", "env.time_limit=8")


def save_untrained(folder: Path, experiment: str = "safelife/quick", *settings: str) -> str:
    """Save the agent that an experiment begins with, very small; return its path."""
    given = {setting.partition("=")[0] for setting in settings}
    few = [setting for setting in FEW if setting.partition("=")[0] not in given]
    config = configs.load(experiment, [*few, *settings])
    model = build(config.model, VIEWS, seed=config.seed).eval()
    save_agent(folder, Agent(model, VIEWS, config, "untrained", 0, source=folder))
    return str(folder)


def settings_of(number: int) -> Sequence[str]:
    """Return the settings of the run of a set of levels."""
    return (f"seed={number}", f"env.level_seed={number}")
