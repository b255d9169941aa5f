"""`chisel compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chisel.cli.arguments import existing, words_and_settings
from chisel.configs import STYLE, WIDTH, ConfigError, Option, parse_settings, read_options

USAGE = "chisel compare RUN RUN … [metrics=…] [labels=…] [out=FOLDER]"

HELP = f"""\
usage: {USAGE}

Compares runs: learning curves as a figure, final numbers and evaluations as a
table. A RUN may be the folder of a grid, which stands for all its runs, or a
folder of several seeds. For seeds the table has the mean with every seed's
value, from five seeds on with a 95 % interval, and for two such folders a
permutation p. Two folders of ten seeds or more also get interquartile means,
the probability that a run of the first is better, and performance profiles.
Evaluations of an earlier checkpoint are left out; the table says which
evaluations had other settings.

  metrics=NAME,…  metrics to show: logged ones such as charts/success, or those
                  of evaluations; success stands for every name that ends so
  labels=A,B      names for the runs, in their order, instead of their folders
  style=slides    figures for slides, or style=dark; paper if left out
  width=85        width of the figures in mm, with text of at least 7 pt
  out=FOLDER      folder for the results, instead of studies/compare

examples:
  chisel compare runs/maze/quick/A runs/maze/quick/B
  chisel compare runs/maze/quick/three-seeds runs/maze/quick/slow \\
    metrics=success labels=fast,slow width=85 out=figures"""

_OPTIONS = {
    one.name: one
    for one in (
        Option("out", str, None),
        Option("metrics", str, (), several=True),
        Option("labels", str, (), several=True),
        STYLE,
        WIDTH,
    )
}


def run(arguments: Sequence[str]) -> None:
    """Compare runs; print the table and the files that are written."""
    words, settings = words_and_settings(arguments)
    given = parse_settings(settings)
    unknown = [key for key in given if key not in _OPTIONS]
    if unknown:
        raise ConfigError(f"{unknown[0]}: chisel compare takes runs and {', '.join(_OPTIONS)} only")
    if not words:
        raise ConfigError(f"RUN is missing; usage: {USAGE}")
    options = read_options("compare", _OPTIONS, given)
    # A shell's * in the folder of a grid also matches these, which are no runs.
    named = [word for word in words if Path(word).name not in ("studies", "group.json")]
    runs = [existing(word) for word in named]
    # Heavy: only once the arguments are known to be good.
    from chisel.analysis.results import Look, compare, show

    look = Look(options.pop("style"), options.pop("width"))
    comparison = compare(runs, **options, look=look)
    show(comparison.table())
    for file in filter(None, (comparison.figure, comparison.profiles, comparison.data)):
        print(file)
