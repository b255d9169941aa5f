"""`chisel logs`."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.cli.arguments import existing, one_word, take
from chisel.configs import ConfigError

USAGE = "chisel logs RUN [key=METRIC,…] [last=20] [plot=true]"

HELP = f"""\
usage: {USAGE}

Prints what a run logged in metrics.csv and studies.csv in its folder: the
number of rows, and the newest value of every metric. The run may still be
training. A RUN may be a folder of several runs, which are then shown side by
side.

  key=METRIC,…  print the last rows of these metrics
  last=20       number of rows
  plot=true     print a small curve of each metric over the whole training

examples:
  chisel logs runs/maze/quick/NAME
  chisel logs runs/maze/quick/three-seeds key=charts/success last=5
  chisel logs runs/maze/quick/NAME plot=true"""


def run(arguments: Sequence[str]) -> None:
    """Print tables of the metrics that a run logged."""
    path, settings = one_word(arguments, "RUN", USAGE)
    given = {}
    for name in ("key", "last", "plot"):
        value, settings = take(settings, name)
        if value is not None:
            given[name] = value
    if settings:
        raise ConfigError(f"{settings[0]}: chisel logs takes key=, last= and plot= only")
    folder = existing(path)
    # Heavy: only once the arguments are known to be good.
    from chisel.analysis.results import logs, show

    for table in logs(folder, **given):
        show(table)
