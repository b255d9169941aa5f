"""`chisel train`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chisel import configs
from chisel.cli.arguments import one_word

USAGE = "chisel train EXPERIMENT [key=value …]"

HELP = f"""\
usage: {USAGE}

Trains an agent. Everything it writes lies in runs/EXPERIMENT/NAME, which it prints at the end.
EXPERIMENT is a name from `chisel list` or a YAML file. `chisel check` prints all options.

  name=NAME              the run's folder; without it, one of date, time and seed
  seed=0,1,2             three runs in one folder, with a summary over the seeds
  init_from=RUN          start from the weights of another run
  trainer.max_minutes=60 end early; `chisel resume` goes on
  trainer.threads=2      torch's CPU threads; without it, one for each core that nothing else keeps
                         busy; config.yaml records it
  tracking.mode=online   send to Weights & Biases while training

examples:
  chisel train maze/quick
  chisel train maze/quick name=slow algo.learning_rate=1e-4 frames=2e6"""


def run(arguments: Sequence[str]) -> None:
    """Check the config, then train one run, or one per seed."""
    experiment, settings = one_word(arguments, "EXPERIMENT", USAGE)
    checked = [configs.load(experiment, one) for one in configs.expand_seeds(settings)]
    from chisel import trainers  # heavy: only once the config is known to be good

    folder = trainers.train(checked[0]) if len(checked) == 1 else trainers.train_seeds(checked)
    print_result(folder)


def print_result(path: Path) -> None:
    """Print a path to standard output, once however many processes worked together.

    What was logged offline is not in W&B yet: standard error says how it gets there.
    """
    from chisel.trainers import sync_command  # heavy, but something was trained

    dist: Any = sys.modules.get("torch.distributed")  # loaded if anything was trained
    together = dist is not None and dist.is_available() and dist.is_initialized()
    if not together or dist.get_rank() == 0:
        print(path)
        if command := sync_command(path):
            print(f"note: to send it to W&B, type `{command}`", file=sys.stderr)
