"""Reads what a page of results is made of: its trainings, its studies and its tables.

Beside `NAME.md` lies `NAME.yaml`.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from chisel.configs import registry
from chisel.configs.errors import ConfigError
from chisel.configs.parsing import catalog
from chisel.configs.parsing.load import load
from chisel.configs.parsing.overrides import parse_settings
from chisel.configs.parsing.yaml_file import read_mapping
from chisel.configs.suggest import hint

T = TypeVar("T")

PAGES = Path("docs") / "reproductions"
"""Folder of the pages that are called by their name."""
MOST_MINUTES = 45
"""Longest that one run or one study may be planned for: what a session can surely finish."""
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_OWN = ("name", "seed", "runs_dir", "out", "checkpoint", "trainer.max_minutes")
"""Settings that follow from the rest of an entry."""


@dataclass(frozen=True)
class Training:
    """Runs of one experiment that differ in their seed."""

    train: str
    """Name of the experiment, or path of its file from where the command is typed."""
    seeds: tuple[int, ...]
    minutes: float
    """Planned time of one run on two cores."""
    settings: str = ""
    """Settings as they are typed, separated by spaces; `{seed}` in them is the run's seed."""
    recorded: str | None = None
    """Folder of shipped weights; the seeds that it holds are not trained again."""

    @property
    def experiment(self) -> str:
        """Name of the experiment, and of the folder of its runs."""
        own = self._file
        return self.train if own is None else str(own["experiment"])

    @property
    def trained(self) -> str:
        """What is trained: the name of a packaged experiment, or all that a file of one says."""
        own = self._file
        return self.train if own is None else json.dumps(own, default=str)

    @property
    def _file(self) -> dict[str, Any] | None:
        """What the file of an own experiment says; None for a packaged one, which is not read."""
        return catalog.read(self.train)[0] if self.train.endswith((".yaml", ".yml")) else None

    def settings_of(self, seed: int) -> str:
        """Return the settings of the run with a seed."""
        return self.settings.replace("{seed}", str(seed))

    def command(self, seed: int | None = None) -> str:
        """Return the command that trains one seed; without one, what stands for those of all."""
        settings = self.settings if seed is None else self.settings_of(seed)
        seeds = f"seed={','.join(map(str, self.seeds if seed is None else (seed,)))}"
        return shlex.join(["chisel", "train", self.train, *shlex.split(settings), seeds])


@dataclass(frozen=True)
class Measurement:
    """A study, or the evaluation of agents."""

    minutes: float
    """Planned time."""
    study: str | None = None
    """Name of the study; `None` for an evaluation."""
    of: str | None = None
    """The training whose agents are studied, or several with commas between them."""
    eval: str | None = None
    """The training whose agents are evaluated."""
    settings: str = ""
    """Options as they are typed, separated by spaces."""
    figures: dict[str, str] = field(default_factory=dict)
    """By the name of a plot of the page the file of the result that it is a copy of."""
    runs: int = 1
    """Number of runs that the study trains, if it trains; each of them takes `minutes`."""
    shares: str | None = None
    """Name of a folder of runs that studies of the page have in common, so that none is trained
    twice; `None`: it has its own."""

    @property
    def subjects(self) -> tuple[str, ...]:
        """The trainings whose agents are measured; none for a study of no agents."""
        named = self.of or self.eval
        return () if named is None else tuple(named.split(","))

    def command(self, path: str | None) -> str:
        """Return the command that measures the agents in a folder."""
        words = shlex.split(self.settings)
        if self.study is None:
            return shlex.join(["chisel", "eval", str(path), *words])
        source = [] if path is None else [f"checkpoint={path}"]
        return shlex.join(["chisel", "study", self.study, *source, *words])


@dataclass(frozen=True)
class PageTable:
    """A table of the page, between `<!-- results: NAME -->` and `<!-- end -->`."""

    rows: str
    """The table in Markdown with `{ADDRESS as FORM}` for each number; see `analysis.ledger`."""
    of: str = ""
    """Beginning of all its addresses: an entry, and a table of its result."""
    form: str = ".00 (.00)"
    """Form of the numbers for which no other is asked."""
    unit: str = ""
    """What the n of its numbers counts, like seeds."""


@dataclass(frozen=True)
class Page:
    """What a page of results is made of."""

    file: Path
    """The YAML file."""
    entries: Mapping[str, Training | Measurement]
    """By name, in the order in which they run."""
    tables: Mapping[str, PageTable]

    @property
    def name(self) -> str:
        """Name of the page."""
        return self.file.stem

    @property
    def text(self) -> Path:
        """The page itself."""
        return self.file.with_suffix(".md")

    @property
    def figures(self) -> Path:
        """Folder of its plots."""
        return self._home / "figures"

    @property
    def results(self) -> Path:
        """File with the numbers of all pages of its folder."""
        return self._home / "results.csv"

    @property
    def _home(self) -> Path:
        """Folder `docs` for the pages in `docs/reproductions`, else that of the page."""
        folder = self.file.parent
        return folder.parent if folder.absolute().parts[-2:] == PAGES.parts else folder

    @property
    def trainings(self) -> dict[str, Training]:
        """The trainings by name."""
        return {name: one for name, one in self.entries.items() if isinstance(one, Training)}

    @property
    def measurements(self) -> dict[str, Measurement]:
        """The studies and evaluations by name."""
        return {name: one for name, one in self.entries.items() if isinstance(one, Measurement)}


def read_page(page: str) -> Page:
    """Read the page of that name in `docs/reproductions`, or a YAML file.

    Raises:
        ConfigError: There is none, or an entry is wrong; the message names the entry.
    """
    file = Path(page) if page.endswith((".yaml", ".yml")) else PAGES / f"{page}.yaml"
    if not file.is_file():
        known = [one.stem for one in PAGES.glob("*.yaml")]
        instead = hint(page, known) if known else "type it in a clone, or give a YAML file"
        raise ConfigError(f"there is no page {file}; {instead}")
    data = read_mapping(file)
    if unknown := data.keys() - {"entries", "tables"}:
        raise ConfigError(
            f"{file}: unknown key {unknown.pop()!r}; a page has `entries` and `tables`"
        )
    entries: dict[str, Training | Measurement] = {}
    for name, plain in _group(file, data, "entries").items():
        try:
            entries[name] = _entry(name, plain, entries)
        except (ConfigError, ValueError) as error:
            raise ConfigError(f"{file}: {name}: {error}") from error
    tables = {}
    for name, plain in _group(file, data, "tables").items():
        try:
            tables[name] = _typed(PageTable, plain)
        except ConfigError as error:
            raise ConfigError(f"{file}: table {name}: {error}") from error
    return Page(file, entries, tables)


def _group(file: Path, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    group = data.get(key) or {}
    if not isinstance(group, Mapping):
        raise ConfigError(f"{file}: {key} must hold names, each with its keys and values")
    return group


def _entry(
    name: str, plain: Any, above: Mapping[str, Training | Measurement]
) -> Training | Measurement:
    """Return an entry, whose experiment or study exists and takes the settings."""
    if not _NAME.fullmatch(name):
        raise ConfigError("a name has small letters, digits, hyphens and dots only")
    keys = plain if isinstance(plain, Mapping) else ()
    kinds = [one for one in ("train", "eval", "study") if one in keys]
    if len(kinds) != 1:
        raise ConfigError("an entry has one of the keys train, eval and study")
    entry: Training | Measurement = (
        _typed(Training, plain) if kinds == ["train"] else _typed(Measurement, plain)
    )
    if not 0 < entry.minutes <= MOST_MINUTES:
        raise ConfigError(
            f"minutes = {entry.minutes:g}: a run or a study is planned for up to {MOST_MINUTES}; "
            "divide it into entries with fewer seeds, worlds or levels"
        )
    words = shlex.split(entry.settings_of(0) if isinstance(entry, Training) else entry.settings)
    parse_settings(words)
    for key in _OWN:
        if any(word.startswith(f"{key}=") for word in words):
            raise ConfigError(f"settings: {key} follows from the entry; leave it out")
    if isinstance(entry, Training):
        _check_training(entry, words)
    else:
        _check_measurement(entry, above)
    return entry


def _check_training(entry: Training, words: list[str]) -> None:
    if not entry.seeds or len(set(entry.seeds)) < len(entry.seeds):
        raise ConfigError("seeds must list each seed once, like [0, 1, 2]")
    load(entry.train, [*words, f"seed={entry.seeds[0]}"])


def _check_measurement(entry: Measurement, above: Mapping[str, Training | Measurement]) -> None:
    if entry.study is not None:
        registry.get("study", entry.study)
    trainings = [name for name, one in above.items() if isinstance(one, Training)]
    for subject in [entry.eval] if entry.eval else entry.subjects:
        if subject not in trainings:
            raise ConfigError(f"{subject} is no training above it; {hint(subject, trainings)}")
    if entry.runs < 1:
        raise ConfigError(f"runs = {entry.runs}: must be at least 1")
    if entry.shares is not None and not _NAME.fullmatch(entry.shares):
        raise ConfigError("shares has small letters, digits, hyphens and dots only")


def _typed(schema: type[T], plain: Any) -> T:
    """Return a dataclass with the values of a YAML mapping, converted to its types."""
    known = [one.name for one in fields(schema)]  # type: ignore[arg-type]  # always a dataclass
    if not isinstance(plain, Mapping):
        raise ConfigError(f"must hold keys and values; {hint('', known)}")
    for key in plain:
        if key not in known:
            raise ConfigError(f"unknown key {key!r}; {hint(str(key), known)}")
    try:
        made: T = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), plain))  # type: ignore[assignment]  # what a schema gives
    except OmegaConfBaseException as error:
        said = str(error).splitlines()[0]
        if "$VALUE" in said:  # OmegaConf's message about a member of a list
            said = "a list holds a value of the wrong type"
        raise ConfigError(f"{error.full_key}: {said}" if error.full_key else said) from error
    return made
