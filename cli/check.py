"""`chisel check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from chisel import configs
from chisel.cli.arguments import one_word

USAGE = "chisel check EXPERIMENT [key=value …]"

HELP = f"""\
usage: {USAGE}

Prints the config that `chisel train` would use, with every option, or the first
error in its keys and values. It builds no network, so it does not check that
the modules and units of regions exist; `chisel train` does, before it trains.
If keys have several values, it lists the runs as comments, then prints one YAML
document for each.

examples:
  chisel check maze/quick
  chisel check my/experiment.yaml algo.gamma=0.9,0.99 seed=0,1,2"""


def run(arguments: Sequence[str]) -> None:
    """Print the config of a run, or of every run of a grid."""
    experiment, settings = one_word(arguments, "EXPERIMENT", USAGE)
    grid = configs.load_grid(experiment, settings)
    if grid.keys:
        print("\n".join(f"# {line}" for line in _table(grid)))
    print("---\n".join(map(configs.to_yaml, grid.runs.values())), end="")
    for note in dict.fromkeys(map(configs.frames_note, grid.runs.values())):
        if note:
            print(f"note: {note}", file=sys.stderr)


def _table(grid: configs.Grid) -> list[str]:
    """Return the number of runs of a grid, and a line for each with its values and folder."""
    plain = [configs.flatten(configs.to_plain(config)) for config in grid.runs.values()]
    columns = [[key, *(str(one.get(key, "")) for one in plain)] for key in grid.keys]
    columns.append(["folder", *grid.runs])
    padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns]
    lines = ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]
    return [f"{len(plain)} runs", *lines]
