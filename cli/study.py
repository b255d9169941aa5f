"""`chisel study`."""

from __future__ import annotations

from collections.abc import Sequence

from cli.arguments import existing, one_word
from configs import parse_settings, registry

USAGE = "chisel study STUDY [checkpoint=RUN] [key=value …] [out=FOLDER]"

HELP = f"""\
usage: {USAGE}

Runs a study from `chisel list` and prints the folder with its tables, JSON and figures: that is
studies/STUDY in the run, unless out= names another. checkpoint is a run's folder, a checkpoint, a
folder of shipped weights, or a published .pth file with env=EXPERIMENT.

examples:
  chisel study vector-field checkpoint=runs/maze/quick/NAME
  chisel study vector-field checkpoint=runs/maze/quick/NAME levels=12 split=train out=figures"""


def run(arguments: Sequence[str]) -> None:
    """Run a study."""
    name, settings = one_word(arguments, "STUDY", USAGE)
    registry.get("study", name)
    options = parse_settings(settings)
    if options.get("checkpoint") is not None:
        existing(str(options["checkpoint"]))
    from analysis import studies  # heavy: only once the arguments are known to be good

    print(studies.run(name, **options))
