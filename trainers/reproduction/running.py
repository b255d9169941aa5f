"""Run the missing entries of a page of results, resumably and within a budget of hours."""

from __future__ import annotations

import math
import os
import platform
import shlex
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import joblib
import torch

from chisel import configs, models
from chisel.analysis import ledger, studies
from chisel.analysis.evaluation import evaluate
from chisel.analysis.results import options_of, progress_bars, show, write_json
from chisel.configs import ChiselError, ConfigError, Measurement, Page, Stopped, Training, registry
from chisel.trainers.runs.run import resume, train
from chisel.trainers.runs.versions import git_commit
from chisel.trainers.studies.runs import plan_runs, run_folder

_RUNS_DIR = "runs_dir"
"""Option that studies have if they train; their runs are kept if they are ended early."""


@dataclass(frozen=True)
class Budget:
    """Time until which entries run."""

    hours: float = math.inf
    started: float = 0.0

    @property
    def minutes_left(self) -> float:
        """Minutes until the end; 0 after it."""
        return max(0.0, self.hours * 60 - (time.monotonic() - self.started) / 60)


def reproduce(
    page: Page, out: Path, *, names: Collection[str], hours: float = math.inf
) -> list[str]:
    """Run the entries of a page that are neither shipped nor done, in order.

    Entries that were begun go on where they stopped. Ctrl-C, or the end of the budget, ends
    training after an iteration. A study that does not train begins only if its planned time is
    left.

    Args:
        page: The page.
        out: Folder of its runs and results.
        names: Names of the entries to run, in order.
        hours: Budget in hours.

    Returns:
        A line for each entry that was left for another time, with the reason.

    Raises:
        ConfigError: If the options of an entry don't fit; the message names it.
        CheckpointError: If a run can't go on.
        Stopped: If a signal ended training.
    """
    notes: list[str] = []
    with _budget(hours) as budget:
        for name in names:
            state = ledger.state_of(page, name, out)
            if state.name in ("recorded", "done"):
                continue
            try:
                note = _run(page, name, out, budget)
            except Stopped:
                if budget.minutes_left:
                    raise
                note = "the budget is over"
            except ChiselError as error:
                raise type(error)(f"{page.name}: {name}: {error}") from error
            if note:
                notes.append(f"{name}: {note}")
    return notes


def _run(page: Page, name: str, out: Path, budget: Budget) -> str:
    """Run an entry; return "", or the reason why it is left for another time."""
    entry = page.entries[name]
    if not budget.minutes_left:
        return "the budget is over"
    if isinstance(entry, Training):
        _train(page, name, entry, out)
        return ""
    if ledger.state_of(page, name, out).name == "waits":
        return f"waits for {' and '.join(entry.subjects)}"
    trains = entry.study is not None and _RUNS_DIR in options_of(
        entry.study, registry.resolve("study", entry.study)
    )
    if entry.minutes > budget.minutes_left and not trains:
        left = math.floor(budget.minutes_left)
        return f"is planned for {entry.minutes:g} minutes, and {left} are left"
    _measure(page, name, entry, out, trains=trains)
    return ""


def _train(page: Page, name: str, entry: Training, out: Path) -> None:
    home = ledger.runs_folder(entry, name, out)
    for seed in entry.seeds:
        if ledger.is_recorded(entry, seed):
            continue
        settings = entry.settings_of(seed)
        [config] = plan_runs(entry.train, [seed], settings, runs_dir=str(home))
        folder = run_folder(config)
        if (folder / ledger.STAMP).is_file():
            continue
        print(f"{page.name}: {name}: seed {seed}")
        clock = _Clock()
        if (folder / models.CONFIG_FILE).is_file():
            resume(folder)
        else:
            train(config)
        said = ledger.plain_entry(page, name)
        _stamp(folder, clock, entry=said, command=entry.command(seed))


def _measure(page: Page, name: str, entry: Measurement, out: Path, *, trains: bool) -> None:
    path = ledger.weights_of(page, name, out)
    for subject in entry.subjects:
        agents = ledger.runs_folder(page.trainings[subject], subject, out) / ledger.AGENTS
        if ledger.agents_of(page, subject, out) == str(agents):
            _link(page, subject, agents, out)
    command, folder = entry.command(path), ledger.folder_of(page, name, out)
    print(f"{page.name}: {name}: {command}")
    clock, words = _Clock(), shlex.split(entry.settings)
    if entry.study is None:
        with progress_bars() as progress:
            show(evaluate(str(path), overrides=words, out=folder, progress=progress).table())
    else:
        options: dict[str, Any] = configs.parse_settings(words)
        options |= {_RUNS_DIR: str(ledger.runs_folder(entry, name, out))} if trains else {}
        studies.run(entry.study, checkpoint=path, out=str(folder), **options)
    said, weights = ledger.plain_entry(page, name), ledger.digests(page, name, out)
    _stamp(folder, clock, entry=said, command=command, weights=weights)


def _link(page: Page, name: str, agents: Path, out: Path) -> None:
    """Make a folder with links to exactly the seeds of a training, shipped or done here."""
    agents.mkdir(parents=True, exist_ok=True)
    for old in agents.iterdir():
        old.unlink()
    for seed in page.trainings[name].seeds:
        run = ledger.run_of(page, name, seed, out)
        (agents / f"seed-{seed}").symlink_to(run.resolve())


class _Clock:
    """Measures the time since it was made."""

    def __init__(self) -> None:
        self._started, self._cpu = time.monotonic(), self._cpu_seconds()

    def to_plain(self) -> dict[str, float]:
        """Return elapsed minutes, and CPU seconds of this process and its children."""
        minutes = (time.monotonic() - self._started) / 60
        return {
            "minutes": round(minutes, 2),
            "cpu_seconds": round(self._cpu_seconds() - self._cpu, 1),
        }

    @staticmethod
    def _cpu_seconds() -> float:
        return sum(os.times()[:4])


def _stamp(folder: Path, clock: _Clock, **about: Any) -> None:
    about |= {
        "commit": git_commit() or "not recorded",
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d"),
    }
    write_json(folder / ledger.STAMP, about | clock.to_plain())


def machine() -> str:
    """Return a text with the processor, the number of usable cores, and the GPU if there is one."""
    names = [platform.processor() or platform.machine()]
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        pass
    gpu = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    return ", ".join([*names[:1], f"{joblib.cpu_count()} cores", *gpu])


@contextmanager
def _budget(hours: float) -> Iterator[Budget]:
    """Raise `Stopped` when the hours are over; training then ends after its iteration."""
    budget = Budget(hours, time.monotonic())
    if hours == math.inf:
        yield budget
        return
    if not hasattr(signal, "setitimer"):
        raise ConfigError("hours: Windows has no alarm; leave it out, and end with Ctrl-C")

    def over(number: int, frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGTERM)  # training handles it, and saves first

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped("stopped by SIGTERM; the same command goes on")

    before = [signal.signal(signal.SIGALRM, over), signal.signal(signal.SIGTERM, stop)]
    signal.setitimer(signal.ITIMER_REAL, hours * 3600)
    try:
        yield budget
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in zip((signal.SIGALRM, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
