"""`chisel describe`."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.cli.arguments import existing, one_word, take
from chisel.configs import ConfigError

USAGE = "chisel describe CHECKPOINT [env=EXPERIMENT]"

HELP = f"""\
usage: {USAGE}

Describes a trained network: its config, its layers with the shapes of their
outputs, the regions that gradients were routed to, the studies that can be run
on it, and how it was trained. CHECKPOINT is a run's folder, a checkpoint, a
shipped agent, or a published .pth file with env=EXPERIMENT. Studies and
steering vectors take the names of the layers as module=.

examples:
  chisel describe agents:maze-quick
  chisel describe runs/maze/routed/NAME"""


def run(arguments: Sequence[str]) -> None:
    """Print tables that describe a checkpoint."""
    path, settings = one_word(arguments, "CHECKPOINT", USAGE)
    env, settings = take(settings, "env")
    if settings:
        raise ConfigError(f"{settings[0]}: chisel describe takes a checkpoint and env= only")
    existing(path)
    # Heavy: only once the arguments are known to be good.
    from chisel.analysis.results import describe, show

    for table in describe(path, env).values():
        show(table)
        print()
