"""The study `report`: write one page with the results of all other studies of checkpoints."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from chisel import configs
from chisel.analysis.evaluation import evaluate
from chisel.analysis.report import (
    Findings,
    Panel,
    Section,
    findings,
    is_about,
    page,
    with_small_pictures,
)
from chisel.analysis.results import (
    DataTable,
    Networks,
    Result,
    compare,
    find_results,
    labels_of,
    plain_table,
    progress_bars,
    read_json,
    run_study,
)
from chisel.configs import CheckpointError, ConfigError, registry
from chisel.models import write_file

STUDY, EVAL = "report", "eval"
Labelled: TypeAlias = Sequence[tuple[Networks, str]]
"""Networks that the page is about, with a label for each."""


def run(
    checkpoint: tuple[Networks, ...], *, only: tuple[str, ...] = (), again: bool = False
) -> Result:
    """Write one HTML page, to be read offline, with the figures and tables of all studies.

    Stored results of the same checkpoint and options are used; missing ones are computed, and so is
    an evaluation. Each checkpoint, or all seeds of a group together, has a column.

    Args:
        checkpoint: Checkpoints or groups of seeds that the page is about.
        only: Studies to show; left out, all that suit the agents' world.
        again: Whether to run every study, even if there are results.

    Returns:
        The page, `report.html`.

    Raises:
        ConfigError: If a name in `only` is no study that a report can have.
        CheckpointError: If nothing can be loaded from a checkpoint.
    """
    names = _studies(only, {_world(one) for one in checkpoint})
    labelled = list(zip(checkpoint, labels_of([one.path for one in checkpoint]), strict=True))
    sections = [] if only else [_evaluation(labelled, again)]
    sections += _training(checkpoint)
    for name in names:
        panels = [_panel(name, one, label, again) for one, label in labelled]
        sections.append(Section(name, panels, registry.get("study", name).summary))
    sections += _others(labelled, {STUDY, EVAL, *names})
    yamls = {
        label: configs.to_yaml(one.first.config)
        for one, label in labelled
        if one.first.config is not None
    }
    title = "Report on " + ", ".join(one.title for one in checkpoint)
    about = _checkpoints(checkpoint)
    command = f"chisel study report checkpoint={','.join(one.path for one in checkpoint)}"
    origin = {"command": command, "chisel": configs.version()}
    small = with_small_pictures(sections)
    text = page(title, plain_table(about.table()), small, yamls, origin)
    write = functools.partial(write_file, data=text.encode())
    return Result({"sections": [one.title for one in sections]}, files={"report.html": write})


def _studies(only: Sequence[str], worlds: Iterable[str | None]) -> list[str]:
    """Return the studies to show, in the order of their registration.

    Raises:
        ConfigError: If a name in `only` is no study that a report can have.
    """
    known = {name: registry.get("study", name) for name in registry.names("study")}
    shown = [name for name, study in known.items() if study.report is not None]
    for name in only:
        if name not in shown:
            raise ConfigError(f"only={name}: {configs.hint(name, shown)}")
    fitting = [name for name in shown if known[name].world in (None, *worlds)]
    return list(only) or fitting


def _world(subject: Networks) -> str | None:
    config = subject.first.config
    return None if config is None else getattr(config.env, "name", None)


def _evaluation(labelled: Labelled, again: bool) -> Section:
    """Return the section with the evaluations of all subjects; missing ones are made."""
    panels = []
    for one, label in labelled:
        folder, digests = one.folder(EVAL), [network.digest for network in one]
        try:
            known = "table" in read_json(folder / f"{EVAL}.json") and is_about(folder, digests)
            if again or not known:
                with progress_bars() as progress:
                    evaluate(one, progress=progress)
            panels.append(Panel(label, findings(folder), seeds=_seeds(one)))
        except (CheckpointError, ConfigError) as error:
            panels.append(Panel(label, None, _skipped(error)))
    return Section(EVAL, panels, "how well it does in its world, beside a policy that is random")


def _seeds(subject: Networks) -> tuple[str, ...]:
    return subject.names if len(subject) > 1 else ()


def _skipped(error: Exception) -> str:
    return f"Skipped: {' '.join(str(error).split())}."


def _panel(name: str, subject: Networks, label: str, again: bool) -> Panel:
    """Return a study's result about a subject; the study is run if necessary."""
    study = registry.resolve("study", name)
    given = {"checkpoint": subject, **(registry.get("study", name).report or {})}
    try:
        folder = None if again else find_results(name, study, given)
        found = findings(folder or run_study(name, study, given))
        return Panel(label, found, seeds=_seeds(subject))
    except (CheckpointError, ConfigError) as error:
        return Panel(label, None, _skipped(error))


def _training(subjects: Sequence[Networks]) -> list[Section]:
    """Draw learning curves of all runs with a log, in one figure."""
    paths = [Path(one.path) for one in subjects]
    logged = [path for path in paths if any(path.glob("**/metrics.csv"))]
    if not logged:
        return []
    with tempfile.TemporaryDirectory() as folder:
        curves = compare(logged, folder)
        figures = [curves.figure] if curves.figure else []
        picture = {one.name: one.read_bytes() for one in figures}
    found = Findings(picture, [plain_table(curves.table())])
    return [Section("training", [Panel("learning curves", found)], "learning curves, last values")]


def _others(labelled: Labelled, done: set[str]) -> list[Section]:
    """Collect stored results of other studies and evaluations about these networks."""
    found: dict[str, list[Panel]] = {}
    for one, label in labelled:
        digests = [network.digest for network in one]
        for folder in sorted(one.home.glob("*/")):
            named = any(folder.name == name or folder.name.startswith(f"{name}-") for name in done)
            if not named and is_about(folder, digests):
                found.setdefault(folder.name, []).append(
                    Panel(label, findings(folder), seeds=_seeds(one))
                )
    return [Section(name, panels) for name, panels in found.items()]


def _checkpoints(subjects: Sequence[Networks]) -> DataTable:
    rows = [
        {
            "checkpoint": str(network),
            "experiment": network.config.experiment if network.config else None,
            "seed": network.config.seed if network.config else None,
            "steps": network.env_steps,
            "sha256": network.digest,
        }
        for one in subjects
        for network in one
    ]
    return DataTable("Checkpoints", rows)
