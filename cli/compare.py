"""`chisel compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chisel.cli.arguments import existing, take, words_and_settings
from chisel.configs import ConfigError

USAGE = "chisel compare RUN RUN … [out=FOLDER]"

HELP = f"""\
usage: {USAGE}

Puts runs side by side: learning curves as a figure, final numbers and
evaluations as a table. A RUN may be the folder of a grid, which stands for all
its runs, or a folder of several seeds; then means come with the seeds
themselves, from five on with 95 % intervals over seeds, and of two such folders
with a permutation p. Two folders of ten seeds or more also get interquartile
means, the probability that a run of the first is better, and performance
profiles. Evaluations of an earlier checkpoint are not shown; those made with
other settings are said to be.

examples:
  chisel compare runs/maze/quick/A runs/maze/quick/B
  chisel compare runs/maze/quick/three-seeds runs/maze/quick/slow out=figures"""


def run(arguments: Sequence[str]) -> None:
    """Compare runs and print the table."""
    words, settings = words_and_settings(arguments)
    out, unknown = take(settings, "out")
    if unknown:
        raise ConfigError(f"{unknown[0]}: chisel compare takes runs and out=FOLDER only")
    if not words:
        raise ConfigError(f"RUN is missing; usage: {USAGE}")
    # A shell's * in the folder of a grid names what is no run, too.
    named = [word for word in words if Path(word).name not in ("studies", "group.json")]
    runs = [existing(word) for word in named]
    # Heavy: only once the arguments are known to be good.
    from chisel.analysis.results import compare, show

    comparison = compare(runs, out=out)
    show(comparison.table())
    for file in filter(None, (comparison.figure, comparison.profiles, comparison.data)):
        print(file)
