"""Train and resume the runs of a grid in one folder, and summarise them."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from chisel import configs, models
from chisel.analysis.results import compare, show
from chisel.configs import CheckpointError, ChiselError, ConfigError, RunConfig, Stopped
from chisel.trainers.logging.grid_progress import GridProgress
from chisel.trainers.logging.wandb_environment import check_mode
from chisel.trainers.runs import launching, resuming, run, rundir
from chisel.trainers.runs.assembly import device_of
from chisel.trainers.runs.local import POLL_SECONDS
from chisel.trainers.runs.members import Launcher, Member, Outcome
from chisel.trainers.runs.plans import member, members_of, read_plans, write_plans
from chisel.trainers.runs.slurm import SlurmLauncher, refuse_queued

SUMMARY = "studies/compare"
"""Folder of a grid's summary: curves and final numbers with intervals over seeds."""
THREADS = 1
"""Number of torch's threads in runs of a grid that set none. It must not depend on how many runs
share the cores, because results depend on it in their last bits."""
ORPHANS_SECONDS = 60
"""Seconds to wait for runs to save after the process that trained their grid was killed."""


def train_seeds(seeds: Sequence[RunConfig], launcher: Launcher | None = None) -> Path:
    """Train runs that differ only in their seeds, in folders `seed-N`; see `train_grid`.

    Raises:
        ConfigError: If a seed is given twice; otherwise as for `train_grid`.
    """
    numbers = [config.seed for config in seeds]
    if len(set(numbers)) != len(numbers):
        raise ConfigError(f"seed={','.join(map(str, numbers))}: give each seed once")
    return train_grid({f"seed-{config.seed}": config for config in seeds}, launcher)


def train_grid(runs: Mapping[str, RunConfig], launcher: Launcher | None = None) -> Path:
    """Train the runs of a grid, in one folder.

    A run that fails does not stop the others.

    Args:
        runs: Config of each run by its folder, as `configs.load_grid` returns them.
        launcher: Launcher that trains the runs in other processes; `None` trains them in this one,
            one after the other. The results are the same bit for bit.

    Returns:
        The grid's folder, with a folder for each run and a summary with intervals over seeds.

    Raises:
        ConfigError: If the name is taken, several devices are asked for, or W&B's variables
            contradict a config.
        CheckpointError: If the disk refuses.
        ChiselError: If a run failed; the others have ended.
        Stopped: If a signal ended training; `resume` goes on.
    """
    first = next(iter(runs.values()))
    for config in runs.values():
        if config.trainer.processes > 1:
            raise ConfigError(
                "trainer.devices: a grid's runs train on one device each; start one run at a time"
            )
        check_mode(config.tracking.mode)
    with launching.process_of(first.trainer):
        named, folder = rundir.create(first)
        planned = {one: replace(config, name=named.name) for one, config in runs.items()}
        try:
            write_plans(
                folder, {one: run.with_threads(config, THREADS) for one, config in planned.items()}
            )
            if any(config.trainer.threads is None for config in runs.values()):
                print(
                    f"note: trainer.threads = {THREADS} in every run, so that results don't depend "
                    "on how many train side by side; set it for another number",
                    file=sys.stderr,
                )
            return resume_grid(folder, (), launcher)
        except ChiselError:  # not after Ctrl-C: it can be resumed
            _discard_unused(folder, runs, first.runs_dir)
            raise


def resume(
    folder: str | Path, overrides: Sequence[str] = (), launcher: Launcher | None = None
) -> Path:
    """Go on with a run, or with every unfinished run of a grid.

    A run of a grid is trained for as many frames as the grid plans.

    Args:
        folder: Folder of the run or the grid.
        overrides: Settings of `frames`, `trainer.*` and `tracking.*`, as `key=value`.
        launcher: Launcher that trains the runs of a grid in other processes; `None` trains them in
            this one.

    Returns:
        The folder.

    Raises:
        CheckpointError: If there is no run, or none of its checkpoints is valid or fits.
        ConfigError: If an override would change what is trained, or the frames of a single run of a
            grid.
    """
    path = Path(folder)
    if rundir.is_group(path):
        return resume_grid(path, overrides, launcher)
    if launcher is not None:
        raise ConfigError(f"jobs, launcher: {path} is one run; leave them out")
    group = rundir.group_of(path)
    frames = configs.parse_settings(overrides).get("frames")
    if group is None:
        return run.resume(path, overrides)
    if frames is not None:
        raise ConfigError(
            f"frames: {path} is one of the runs of {group}, which are trained equally long; "
            f"resume all of them with `chisel resume {group} frames={frames}`"
        )
    name = path.relative_to(group).as_posix()
    try:
        plan = read_plans(group, name).get(name)
    except CheckpointError:
        if not (path / models.CONFIG_FILE).is_file():
            raise
        plan = None  # the grid's file is damaged, but this run can go on by itself
    if plan is None:
        return run.resume(path, overrides)
    planned = configs.override(plan, overrides)
    resuming.check_overrides(plan, planned, path)
    one = member(group, name, planned, overrides)
    if _begun(one) and rundir.read_config(path).frames != one.config.frames:
        print(f"note: frames = {one.config.frames:,}, as {group} is planned", file=sys.stderr)
    return _train(one)


def resume_grid(
    folder: Path, overrides: Sequence[str] = (), launcher: Launcher | None = None
) -> Path:
    """Train the unfinished runs of a grid, after checking all of them.

    Args:
        folder: The grid's folder.
        overrides: As for `resume`.
        launcher: As for `train_grid`.

    Returns:
        The grid's folder.

    Raises:
        CheckpointError: If group.json is damaged, or a run can't go on.
        ConfigError: As for `resume`.
        ChiselError: If a run failed; the others have ended.
        Stopped: If a signal ended training.
    """
    with rundir.lock(folder):
        plans = read_plans(folder)
        planned = {name: configs.override(plan, overrides) for name, plan in plans.items()}
        elsewhere = isinstance(launcher, SlurmLauncher)
        if overrides or not elsewhere:
            refuse_queued(folder)
        if not elsewhere:
            _await_orphans([folder / name for name in plans])
        members = members_of(folder, plans, planned, overrides)
        for one in () if elsewhere else members:
            device_of(one.config)
        waiting = [one for one in members if _unfinished(one)]
        if not waiting:
            print(f"all {len(members)} runs of {folder} have their frames; for more, add frames=…")
        elif planned != plans:
            write_plans(folder, planned)
        outcomes = dict(_launched(members, waiting, launcher))
        _raise_stopped(folder, waiting, outcomes)
        if short := [one for one in outcomes if outcomes[one].code == 0 and _unfinished(one)]:
            print(f"trainer.max_minutes is over in {len(short)} runs; {_go_on(folder)}")
        if waiting or not (folder / SUMMARY).is_dir():
            _summarise(folder, members)
        _raise_failed(folder, members, outcomes)
    return folder


def _await_orphans(runs: Sequence[Path]) -> None:
    """Wait for runs that still save, because the process that trained their grid was killed."""
    end = time.monotonic() + ORPHANS_SECONDS
    if busy := sum(map(rundir.in_use, runs)):
        print(f"note: waiting until {busy} runs of this grid have saved", file=sys.stderr)
    while any(map(rundir.in_use, runs)) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)


def _launched(
    members: Sequence[Member], waiting: Sequence[Member], launcher: Launcher | None
) -> Iterator[tuple[Member, Outcome]]:
    """Train runs; yield each run that has started and ended, with its outcome."""
    if not waiting:
        return
    if launcher is None:
        yield from _one_after_the_other(waiting)
        return
    for one in waiting:
        one.folder.mkdir(parents=True, exist_ok=True)
    with GridProgress(members, waiting) as progress:
        for one, outcome in launcher(waiting):
            progress.update(one, outcome)
            if outcome is not None:
                yield one, outcome


def _one_after_the_other(waiting: Sequence[Member]) -> Iterator[tuple[Member, Outcome]]:
    for number, one in enumerate(waiting, 1):
        if one.config.trainer.progress:
            print(f"run {number} of {len(waiting)}: {one.name}", file=sys.stderr)
        try:
            _train(one)
            outcome = Outcome(0, "")
        except ChiselError as error:
            outcome = Outcome(error.exit_code, str(error))
        except OSError:  # the other runs use the same disk
            raise
        except Exception as error:
            traceback.print_exc()
            outcome = Outcome(ChiselError.exit_code, f"{type(error).__name__}: {error}")
        yield one, outcome
        if outcome.stopped:
            return


def _train(one: Member) -> Path:
    return (run.resume_as if _begun(one) else run.train_in)(one.folder, one.config)


def _begun(one: Member) -> bool:
    return (one.folder / models.CONFIG_FILE).is_file()


def _unfinished(one: Member) -> bool:
    """Check a run; return whether anything is left to train."""
    return not _begun(one) or run.check_resume(one.folder, one.config)


def _go_on(folder: Path) -> str:
    return f"go on with `{rundir.resume_command(folder)}`"


def _raise_stopped(
    folder: Path, waiting: Sequence[Member], outcomes: Mapping[Member, Outcome]
) -> None:
    """Raise `Stopped` if a signal ended a run, or kept one from starting."""
    stopped = [outcome for outcome in outcomes.values() if outcome.stopped]
    if stopped or len(outcomes) < len(waiting):
        _print_failed(outcomes)
        asked = _go_on(folder).removesuffix("`")  # a launcher's message may add settings
        said = (outcome.message for outcome in stopped if asked in outcome.message)
        raise Stopped(next(said, f"stopped; {_go_on(folder)}"))


def _raise_failed(
    folder: Path, members: Sequence[Member], outcomes: Mapping[Member, Outcome]
) -> None:
    """Raise an error with the exit code of the first failed run, if one failed."""
    failed = {one: outcome for one, outcome in outcomes.items() if outcome.failed}
    if not failed:
        return
    _print_failed(outcomes)
    first, outcome = next(iter(failed.items()))
    code = outcome.code if outcome.code > 0 else 128 - outcome.code  # shells' code for a signal
    kind = next((k for k in ChiselError.__subclasses__() if k.exit_code == code), ChiselError)
    rest = ", the others have ended" if len(failed) < len(members) else ""
    error = kind(
        f"{len(failed)} of {len(members)} runs failed{rest}; the exit code is that of "
        f"{first.name}; `{rundir.resume_command(folder)}` tries again"
    )
    error.exit_code = code
    raise error


def _print_failed(outcomes: Mapping[Member, Outcome]) -> None:
    for one, outcome in outcomes.items():
        if outcome.failed:
            log = f"; its output is in {outcome.log}" if outcome.log else ""
            print(
                f"{one.name} failed with exit code {outcome.code}: {outcome.message}{log}",
                file=sys.stderr,
            )


def _summarise(folder: Path, members: Sequence[Member]) -> None:
    """Compare the runs, grouped by seeds, and print the table; leave out runs without a log."""
    if any((one.folder / "metrics.csv").is_file() for one in members):
        table = compare([folder], out=folder / SUMMARY).table()
        show(table, Console(stderr=True, markup=False, emoji=False, highlight=False))
        print(f"note: table and learning curves: {folder / SUMMARY}", file=sys.stderr)


def _discard_unused(folder: Path, runs: Iterable[str], runs_dir: str) -> None:
    """Remove a grid's folder if no run has written a result."""
    for name in runs:
        for inner in (folder / name, *(folder / name).parents[: len(Path(name).parents) - 1]):
            if inner.is_dir() and not any(inner.iterdir()):
                inner.rmdir()
    rundir.discard_unused(folder, runs_dir)
