"""`chisel describe`."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.cli.arguments import existing, one_word, take
from chisel.configs import ConfigError

USAGE = "chisel describe CHECKPOINT [env=EXPERIMENT]"

HELP = f"""\
usage: {USAGE}

Says what a trained network is: its config, its layers with the shapes of what
they return, the regions that gradients were routed to, the studies that can be
run on it, and how it was trained. CHECKPOINT is a run's folder, a checkpoint, a
shipped agent, or a published .pth file with env=EXPERIMENT. The names of the
layers are what studies and vectors take as module=.

examples:
  chisel describe agents:maze-quick
  chisel describe runs/maze/routed/NAME"""


def run(arguments: Sequence[str]) -> None:
    """Print what a checkpoint holds."""
    path, settings = one_word(arguments, "CHECKPOINT", USAGE)
    env, settings = take(settings, "env")
    if settings:
        raise ConfigError(f"{settings[0]}: chisel describe takes a checkpoint and env= only")
    existing(path)
    # Heavy: only once the arguments are known to be good.
    from chisel.analysis.results import describe, show

    for table in describe(path, env).tables():
        show(table)
        print()
