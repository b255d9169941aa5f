"""Find out whether a page's entries are shipped, done in a folder of reproductions, or missing.

A folder of reproductions contains a folder for each entry. The folder of each finished run and each
result has a stamp: the content of the entry, the digests of the weights that were measured, and
commit, machine, date and time. If the entry has changed since, it must be run again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple

from chisel.analysis.results import plain, read_json, runs_of, short_digest
from chisel.configs import CheckpointError, ConfigError, Measurement, Page, Training, hint
from chisel.models import CONFIG_FILE, WEIGHTS, file_digest, find_checkpoint, holds_agent

STAMP = "reproduced.json"
"""Name of the stamp's file."""
AGENTS = "agents"
"""Folder in which the seeds of a training are linked, if only some of them are shipped."""

Name = Literal["recorded", "done", "part done", "missing", "waits"]


class State(NamedTuple):
    """The state of an entry."""

    name: Name
    """Name of the state; `waits` means that the training of the measured agents is not done."""
    done: int
    """Number of runs, or results, that are shipped or done."""
    wanted: int


def chosen(page: Page, only: Collection[str]) -> list[str]:
    """Return the names of entries to run, in order, with the trainings that they need.

    Raises:
        ConfigError: If a name is unknown.
    """
    for name in only:
        if name not in page.entries:
            raise ConfigError(f"only={name}: {hint(name, page.entries)}")
    needed = {
        subject
        for name, one in page.measurements.items()
        if name in only
        for subject in one.subjects
    }
    return [name for name in page.entries if not only or name in needed or name in only]


def state_of(page: Page, name: str, out: Path) -> State:
    """Return the state of an entry, of which parts are shipped or done in a folder."""
    entry = page.entries[name]
    if isinstance(entry, Training):
        return _trained(entry, name, out)
    before = [_trained(page.trainings[subject], subject, out) for subject in entry.subjects]
    if any(state.done < state.wanted for state in before):
        return State("waits", 0, 1)
    if read_stamp(page, name, out) is not None:
        return State("done", 1, 1)
    begun = runs_folder(entry, name, out).is_dir()  # by a study that trains
    return State("part done" if begun else "missing", 0, 1)


def folder_of(page: Page, name: str, out: Path) -> Path:
    """Return the folder of an entry. That of a training contains `seed-N` for each run.

    A training with other settings has another folder, so that nothing is overwritten.
    """
    entry = page.entries[name]
    if isinstance(entry, Training):
        return runs_folder(entry, name, out) / entry.experiment
    return out / name


def runs_folder(entry: Training | Measurement, name: str, out: Path) -> Path:
    """Return the `runs_dir` of a training, or of a study that trains.

    Studies that share their runs have one folder, whatever their settings.
    """
    if isinstance(entry, Measurement) and entry.shares is not None:
        return out / f"{entry.shares}-runs"
    what = entry.trained if isinstance(entry, Training) else entry.study
    return out / f"{name}-{short_digest(f'{what} {entry.settings}')}"


def is_recorded(entry: Training, seed: int) -> bool:
    """Return whether the weights of a seed are shipped."""
    return entry.recorded is not None and holds_agent(Path(entry.recorded) / f"seed-{seed}")


def run_of(page: Page, name: str, seed: int, out: Path) -> Path:
    """Return the folder of a training's run, which is the shipped one if there is one."""
    entry = page.trainings[name]
    shipped = Path(entry.recorded or "") / f"seed-{seed}"
    return shipped if is_recorded(entry, seed) else folder_of(page, name, out) / f"seed-{seed}"


def weights_of(page: Page, name: str, out: Path) -> str | None:
    """Return the path of the agents that an entry measures, or several paths with commas.

    Return `None` if it measures no agents. See `agents_of`.
    """
    subjects = page.measurements[name].subjects
    return ",".join(agents_of(page, subject, out) for subject in subjects) or None


def agents_of(page: Page, name: str, out: Path) -> str:
    """Return the path of the agents of a training.

    It is a run, the shipped folder with exactly these seeds, or the folder `agents` beside the
    training's folder, in which links to the seeds must be made.
    """
    training = page.trainings[name]
    if len(training.seeds) == 1:
        return str(run_of(page, name, training.seeds[0], out))
    if training.recorded is not None:
        shipped = {run.name for run in runs_of(training.recorded)}
        if shipped == {f"seed-{seed}" for seed in training.seeds}:
            return training.recorded
    return str(runs_folder(training, name, out) / AGENTS)


def plain_entry(page: Page, name: str) -> dict[str, Any]:
    """Return the parts of an entry on which its results depend."""
    entry = page.entries[name]
    said = plain(asdict(entry))
    for key in ("minutes", "figures", "recorded", "seeds", "runs", "shares"):
        said.pop(key, None)
    return dict(said)


def digests(page: Page, name: str, out: Path) -> dict[str, str]:
    """Return the SHA-256 of the weights that an entry measures, by run."""
    subjects = page.measurements[name].subjects
    return {
        f"{subject}/seed-{seed}" if subjects[1:] else f"seed-{seed}": _digest(
            run_of(page, subject, seed, out)
        )
        for subject in subjects
        for seed in page.trainings[subject].seeds
    }


def read_stamp(page: Page, name: str, out: Path) -> Mapping[str, Any] | None:
    """Return the stamp of a result if it is that of the present entry, else `None`."""
    stamp = read_json(folder_of(page, name, out) / STAMP)
    if stamp.get("entry") != plain_entry(page, name):
        return None
    return stamp if stamp.get("weights") == digests(page, name, out) else None


def _trained(entry: Training, name: str, out: Path) -> State:
    seeds = list(_seeds(entry, runs_folder(entry, name, out) / entry.experiment))
    done = sum(state in ("recorded", "done") for state in seeds)
    kinds = set(seeds)
    if kinds == {"recorded"}:
        state: Name = "recorded"
    elif kinds <= {"recorded", "done"}:
        state = "done"
    else:
        state = "missing" if kinds == {"missing"} else "part done"
    return State(state, done, len(seeds))


def _seeds(entry: Training, folder: Path) -> Iterator[str]:
    for seed in entry.seeds:
        run = folder / f"seed-{seed}"
        if is_recorded(entry, seed):
            yield "recorded"
        elif (run / STAMP).is_file():
            yield "done"
        else:
            yield "begun" if (run / CONFIG_FILE).is_file() else "missing"


def _digest(run: Path) -> str:
    try:
        weights = run / WEIGHTS
        return file_digest(weights if weights.is_file() else find_checkpoint(run, lambda _: None))
    except CheckpointError:
        return ""
