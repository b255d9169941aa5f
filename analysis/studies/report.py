"""The study `report`: one page with the results of all other studies of some checkpoints."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.table import Table

from chisel import configs
from chisel.analysis.report import Findings, Panel, Section, findings, is_about, is_answer, page
from chisel.analysis.results import (
    Request,
    compare,
    is_run_or_group,
    make_folder,
    new_table,
    origin,
    plain_table,
    runs_of,
    study_command,
    take_agent,
    write_file,
)
from chisel.analysis.studies import registry as studies
from chisel.configs import CheckpointError, ConfigError, registry
from chisel.models import CHECKPOINTS, Agent

STUDY = "report"
_OWN = "-report"
"""Ending of the folders of results with the report's options, where others have the name."""


@dataclass(frozen=True)
class Entry:
    """A study that the report runs."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    groups: bool = False
    """Whether it takes a folder of seeds; then it is run on all seeds at once, and only so."""


ENTRIES = (
    Entry("behaviour", {"levels": 500}, groups=True),
    Entry("vector-field", {"levels": 4}),
    Entry("over-training", {"levels": 200, "points": 8, "split": "test"}, groups=True),
    Entry("integrated-gradients"),
    Entry("probes", {"levels": 500, "validation": 200, "test": 300}),
    Entry("cheese-vector", {"split": "test"}, groups=True),
    Entry("channels", groups=True),
    Entry("retarget", {"levels": 12}, groups=True),
    Entry("localization", {"levels": 200, "points": 4}, groups=True),
)
"""Studies in the order of the page. One that is not registered or does not apply is named with the
reason."""


@dataclass(frozen=True)
class Subject:
    """One column of the page: an agent, or the seeds of a group."""

    path: Path
    agents: tuple[Agent, ...]
    home: Path
    """Folder that holds the results of its studies."""
    role: Literal["alone", "group", "member"] = "alone"
    """Whether it is a group of seeds, or a seed of a group that is shown as well."""

    @property
    def digests(self) -> list[str]:
        """Digests of the checkpoints it is about."""
        return [agent.digest for agent in self.agents]


def run(
    *,
    checkpoint: Path | str,
    only: str | None = None,
    again: bool = False,
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Write one HTML page, to be read offline, with the figures and tables of all studies.

    Results that a study has left for the same checkpoint and options are used; missing ones are
    computed. Where there are results with other options, the report's go to `STUDY-report`.

    Args:
        checkpoint: A run, a checkpoint, a folder of seeds, a shipped folder or a published `.pth`;
            several, separated by commas, are shown side by side.
        only: Names of studies, separated by commas; None takes all that the report knows.
        again: Whether to run every study, also where there are results.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the page; None is `studies/report` of the run or group.

    Returns:
        The folder, with `report.html`.

    Raises:
        ConfigError: If a name in `only` is none of the report's studies.
        CheckpointError: If nothing can be loaded from a checkpoint.
    """
    command = Request.of(STUDY, run, locals()).command
    entries = _entries(only)
    parts = [Path(part) for part in str(checkpoint).split(",")]
    folder = _folder(parts, out)
    subjects = [subject for part in parts for subject in _subjects(part, env, folder)]
    alone = [subject for subject in subjects if subject.role != "group"]
    sections = _training([subject.path for subject in alone], folder)
    for entry in entries:
        panels = [_panel(entry, one, env, again) for one in subjects if _wanted(entry, one)]
        sections.append(Section(entry.name, panels))
    sections += _others(subjects, {entry.name for entry in entries})
    agents = {str(one.path): one.agents[0] for one in alone}
    yamls = {
        label: configs.to_yaml(agent.config) for label, agent in agents.items() if agent.config
    }
    title = "Report on " + ", ".join(map(str, parts))
    text = page(title, plain_table(_checkpoints(agents)), sections, yamls, origin(command, 0))
    write_file(folder / "report.html", text.encode())
    return folder


def _entries(only: str | None) -> list[Entry]:
    if only is None:
        return list(ENTRIES)
    known = {entry.name: entry for entry in ENTRIES}
    for name in only.split(","):
        if name not in known:
            raise ConfigError(f"only={name}: {configs.hint(name, known)}")
    return [known[name] for name in only.split(",")]


def _folder(parts: Sequence[Path], out: Path | str | None) -> Path:
    if out is not None:
        return make_folder(Path(out))
    home = parts[0] if len(parts) == 1 and is_run_or_group(parts[0]) else Path()
    return make_folder(home / "studies" / STUDY)


def _subjects(part: Path, env: str | None, folder: Path) -> list[Subject]:
    """Return an agent; or all seeds of a group together, and then each of them."""
    runs = runs_of(part)
    agents = [take_agent(path, env=env) for path in runs]
    found = []
    if len(runs) > 1:
        found.append(Subject(part, tuple(agents), part / "studies", "group"))
    for path, agent in zip(runs, agents, strict=True):
        # Results about weights that belong to no run go beside the page, each apart.
        in_run = (path / CHECKPOINTS).is_dir()
        home = path / "studies" if in_run else folder / agent.digest[:12]
        found.append(Subject(path, (agent,), home, "member" if len(runs) > 1 else "alone"))
    return found


def _wanted(entry: Entry, subject: Subject) -> bool:
    """Return whether to run a study: one that takes groups runs on the group, not on its seeds."""
    return subject.role == "alone" or entry.groups == (subject.role == "group")


def _panel(entry: Entry, subject: Subject, env: str | None, again: bool) -> Panel:
    label, name = str(subject.path), entry.name
    if name not in registry.names("study"):
        return Panel(label, None, f"Skipped: this version has no study {name}.")
    takes = inspect.signature(registry.resolve("study", name)).parameters
    given = entry.options | ({"env": env} if env and "env" in takes else {})
    asked = {k: p.default for k, p in takes.items() if k not in ("checkpoint", "out")} | given
    command, folder = study_command(name, asked), subject.home / name
    try:
        answered = is_answer(folder, subject.digests, command)
        if not answered and is_about(folder, subject.digests):
            folder = subject.home / f"{name}{_OWN}"
            answered = is_answer(folder, subject.digests, command)
        if again or not answered:
            studies.run(name, checkpoint=subject.path, out=folder, **given)
        return Panel(label, findings(folder))
    except (CheckpointError, ConfigError) as error:
        return Panel(label, None, f"Skipped: {' '.join(str(error).split())}.")


def _training(runs: Sequence[Path], folder: Path) -> list[Section]:
    """Draw learning curves of the runs with a log, in one figure."""
    logged = [path for path in runs if (path / "metrics.csv").is_file()]
    if not logged:
        return []
    curves = compare(logged, make_folder(folder / "training"))
    found = Findings((curves.figure,), (plain_table(curves.table()),), (), None)
    return [Section("training", [Panel("learning curves", found)])]


def _others(subjects: Sequence[Subject], done: set[str]) -> list[Section]:
    """Collect what other studies and evaluations have left about these checkpoints."""
    names = sorted(
        {
            folder.name
            for subject in subjects
            for folder in subject.home.glob("*/")
            if folder.name not in {*done, STUDY, *(f"{name}{_OWN}" for name in done)}
            and is_about(folder, subject.digests)
        }
    )
    return [
        Section(
            name,
            [
                Panel(str(one.path), findings(one.home / name))
                for one in subjects
                if is_about(one.home / name, one.digests)
            ],
        )
        for name in names
    ]


def _checkpoints(agents: dict[str, Agent]) -> Table:
    headings = ("checkpoint", "experiment", "seed", "steps", "sha256")
    table = new_table("Checkpoints", words=headings)
    for label, agent in agents.items():
        config = agent.config
        steps = "" if agent.env_steps is None else f"{agent.env_steps:,}"
        about = ("", "") if config is None else (config.experiment, str(config.seed))
        table.add_row(label, *about, steps, agent.digest)
    return table
