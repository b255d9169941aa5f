"""`chisel resume`."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.cli.arguments import check_settings, existing, one_word, take_launch
from chisel.cli.train import launcher_of, print_result

USAGE = "chisel resume RUN [frames=…] [trainer.key=…] [tracking.key=…] [jobs=N]"

HELP = f"""\
usage: {USAGE}

Goes on exactly where the run stopped, with the same weights, levels and random
numbers. With a larger `frames` it trains further than first planned. RUN may be
the folder of a grid or of several seeds. Then all unfinished runs go on, jobs=N
of them at a time, or in jobs of SLURM with launcher=slurm and its options. Runs
that are still in SLURM's queue are listed and not started again.

examples:
  chisel resume runs/maze/quick/NAME
  chisel resume runs/maze/quick/NAME frames=5e6
  chisel resume runs/maze/quick/rates jobs=2"""


def run(arguments: Sequence[str]) -> None:
    """Resume a run, or the unfinished runs of a grid."""
    path, settings = one_word(arguments, "RUN", USAGE)
    jobs, launch, settings = take_launch(settings)
    folder = existing(path)
    check_settings(folder, settings)
    from chisel import trainers  # heavy: only once the arguments are known to be good

    print_result(trainers.resume(folder, settings, launcher_of(jobs, launch)))
