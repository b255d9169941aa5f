"""`chisel resume`."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.cli.arguments import check_settings, existing, one_word
from chisel.cli.train import print_result

USAGE = "chisel resume RUN [frames=…] [trainer.key=value …] [tracking.key=value …]"

HELP = f"""\
usage: {USAGE}

Goes on exactly where the run stopped: same weights, same levels, same random numbers. With a larger
`frames` it trains further than first planned. RUN may be a folder of several seeds.

examples:
  chisel resume runs/maze/quick/NAME
  chisel resume runs/maze/quick/NAME frames=5e6"""


def run(arguments: Sequence[str]) -> None:
    """Resume a run, or the unfinished seeds of a group."""
    path, settings = one_word(arguments, "RUN", USAGE)
    folder = existing(path)
    check_settings(folder, settings)
    from chisel import trainers  # heavy: only once the arguments are known to be good

    print_result(trainers.resume(folder, settings))
