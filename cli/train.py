"""`chisel train`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chisel import configs
from chisel.cli.arguments import one_word, take_launch
from chisel.configs import ConfigError

USAGE = "chisel train EXPERIMENT [key=value …] [key=value,value …] [jobs=N]"

HELP = f"""\
usage: {USAGE}

Trains an agent. Everything is written to the folder runs/EXPERIMENT/NAME, which
is printed at the end. EXPERIMENT is a name from `chisel list` or a YAML file.
`chisel check EXPERIMENT` prints all options.

  name=NAME              name of the run's folder; left out, it is made of date,
                         time and seed
  seed=0,1,2             three runs in one folder, with a summary over the seeds
  algo.gamma=0.9,0.99    any key takes several values; all combinations are
                         trained. Lists are written model.hidden=[64],[128,64],
                         text with a comma in quotes
  jobs=2                 number of runs that train at a time; it does not change
                         the results
  launcher=slurm         train in jobs of SLURM. slurm.gpus=1, slurm.time=240
                         (minutes) and others are options of each job
  init_from=RUN          start from the weights of another run, or of a shipped
                         agent such as agents:maze-quick
  trainer.max_minutes=60 end early; `chisel resume` goes on
  trainer.threads=2      torch's CPU threads; without it, one for each core that
                         nothing else keeps busy; config.yaml records it
  tracking.mode=online   send to Weights & Biases while training

examples:
  chisel train maze/quick
  chisel train maze/quick name=slow algo.learning_rate=1e-4 frames=2e6
  chisel train maze/quick algo.learning_rate=1e-3,3e-4 seed=0,1,2 jobs=2
  chisel train maze/quick seed=0,1,2 launcher=slurm slurm.gpus=1"""


def run(arguments: Sequence[str]) -> None:
    """Check the config, then train one run, or the runs of a grid."""
    experiment, settings = one_word(arguments, "EXPERIMENT", USAGE)
    jobs, launch, settings = take_launch(settings)
    grid = configs.load_grid(experiment, settings)
    runs = grid.runs
    if jobs > 1 and not grid.keys:
        raise ConfigError(f"jobs={jobs}: this is one run; list several values, like seed=0,1,2")
    if sys.stderr.isatty():  # a log needs no such line: training prints one when it begins
        print(f"{experiment}: loading PyTorch, then building the run", file=sys.stderr)
    launcher = launcher_of(jobs, launch)
    from chisel import trainers  # heavy: only once the config is known to be good

    if launcher and not grid.keys:
        runs = {f"seed-{config.seed}": config for config in runs.values()}
    if grid.keys or launcher:
        print_result(trainers.train_grid(runs, launcher))
    else:
        print_result(trainers.train(*runs.values()))


def launcher_of(jobs: int, launch: configs.LaunchConfig) -> Any:
    """Return the launcher that trains runs in other processes; None to train in this one."""
    from chisel import trainers  # heavy

    if launch.launcher == "slurm":
        return trainers.SlurmLauncher(launch.slurm)
    return trainers.LocalLauncher(jobs) if jobs > 1 else None


def print_result(path: Path) -> None:
    """Print a path to standard output, in the first process only if several trained together.

    If metrics were logged offline, standard error says how to send them to W&B.
    """
    from chisel.trainers import sync_command  # heavy, but something was trained

    dist: Any = sys.modules.get("torch.distributed")  # loaded if anything was trained
    together = dist is not None and dist.is_available() and dist.is_initialized()
    if not together or dist.get_rank() == 0:
        print(path)
        if command := sync_command(path):
            print(f"note: to send it to W&B, type `{command}`", file=sys.stderr)
