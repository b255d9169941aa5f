"""`chisel check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from chisel import configs
from chisel.cli.arguments import one_word

USAGE = "chisel check EXPERIMENT [key=value …]"

HELP = f"""\
usage: {USAGE}

Prints the config that `chisel train` would use, every option resolved, or the first thing that is
wrong with it. With several seeds, one document each.

examples:
  chisel check maze/quick
  chisel check my/experiment.yaml env.num_envs=32 seed=0,1,2"""


def run(arguments: Sequence[str]) -> None:
    """Print the resolved config."""
    experiment, settings = one_word(arguments, "EXPERIMENT", USAGE)
    checked = [configs.load(experiment, one) for one in configs.expand_seeds(settings)]
    print("---\n".join(configs.to_yaml(config) for config in checked), end="")
    for note in dict.fromkeys(map(configs.frames_note, checked)):
        if note:
            print(f"note: {note}", file=sys.stderr)
