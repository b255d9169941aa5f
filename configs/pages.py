"""Read the YAML file beside a page of results: its trainings, its measurements and its tables.

The page `NAME.md` and its file `NAME.yaml` lie in the same folder.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from chisel.configs import registry
from chisel.configs.errors import ConfigError
from chisel.configs.parsing import catalog
from chisel.configs.parsing.load import load
from chisel.configs.parsing.overrides import parse_settings
from chisel.configs.parsing.yaml_file import read_mapping
from chisel.configs.suggest import hint

T = TypeVar("T")

PAGES = Path("docs") / "reproductions"
"""Folder in which `read_page` looks for the name of a page."""
MOST_MINUTES = 45
"""Most minutes that one run or study may be planned for, so that short sessions can finish it."""
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_OWN = ("name", "seed", "runs_dir", "out", "checkpoint", "trainer.max_minutes")
"""Settings that follow from the rest of an entry, which its `settings` must leave out."""


@dataclass(frozen=True)
class Training:
    """Runs of one experiment that differ in their seed."""

    train: str
    """Name of the experiment, or path of its YAML file, relative to the current folder."""
    seeds: tuple[int, ...]
    minutes: float
    """Planned minutes of one run on two cores."""
    settings: str = ""
    """Settings as they are typed, separated by spaces; `{seed}` in them is the run's seed."""
    recorded: str | None = None
    """Folder of shipped weights. Seeds that it holds are not trained again."""

    @property
    def experiment(self) -> str:
        """Name of the experiment, which is also the folder of its runs."""
        own = self._file
        return self.train if own is None else str(own["experiment"])

    @property
    def trained(self) -> str:
        """Text that identifies the experiment: a packaged one's name, or a file's content."""
        own = self._file
        return self.train if own is None else json.dumps(own, default=str)

    @property
    def _file(self) -> dict[str, Any] | None:
        """Content of the experiment's YAML file; None for a packaged experiment."""
        return catalog.read(self.train)[0] if self.train.endswith((".yaml", ".yml")) else None

    def settings_of(self, seed: int) -> str:
        """Return the settings of the run with this seed."""
        return self.settings.replace("{seed}", str(seed))

    def command(self, seed: int | None = None) -> str:
        """Return the command that trains one seed, or, for None, all seeds."""
        settings = self.settings if seed is None else self.settings_of(seed)
        seeds = f"seed={','.join(map(str, self.seeds if seed is None else (seed,)))}"
        return shlex.join(["chisel", "train", self.train, *shlex.split(settings), seeds])


@dataclass(frozen=True)
class Measurement:
    """A study, or an evaluation of agents."""

    minutes: float
    """Planned minutes on two cores."""
    study: str | None = None
    """Name of the study; `None` for an evaluation."""
    of: str | None = None
    """The training whose agents are studied, or several, separated by commas."""
    eval: str | None = None
    """The training whose agents are evaluated."""
    settings: str = ""
    """Options as they are typed, separated by spaces."""
    figures: dict[str, str] = field(default_factory=dict)
    """Plots of the page: each plot's name, and the result file that it is copied from."""
    runs: int = 1
    """Number of runs that the study trains, if it trains; each of them takes `minutes`."""
    shares: str | None = None
    """Name of a folder of runs that several studies of the page share, so that no run is trained
    twice. `None`: the study has its own folder."""

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the trainings whose agents are measured; empty for a study without agents."""
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
    """The table in Markdown, with `{ADDRESS as FORM}` in place of each number; see
    `analysis.ledger`."""
    of: str = ""
    """Prefix of all addresses in the table: an entry, and a table of its result."""
    form: str = ".00 (.00)"
    """Format of numbers that name no other format."""
    unit: str = ""
    """What the n of the numbers counts, for example seeds."""


@dataclass(frozen=True)
class Page:
    """A page of results: its trainings, measurements and tables."""

    file: Path
    """The page's YAML file."""
    entries: Mapping[str, Training | Measurement]
    """Trainings and measurements by name, in the order in which they run."""
    tables: Mapping[str, PageTable]

    @property
    def name(self) -> str:
        """Name of the page."""
        return self.file.stem

    @property
    def text(self) -> Path:
        """The page's Markdown file."""
        return self.file.with_suffix(".md")

    @property
    def figures(self) -> Path:
        """Folder of its plots."""
        return self._home / "figures"

    @property
    def results(self) -> Path:
        """CSV file with the recorded numbers of all pages in the same folder."""
        return self._home / "results.csv"

    @property
    def _home(self) -> Path:
        """`docs` for pages in `docs/reproductions`, else the page's own folder."""
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
    """Read a page of results.

    Args:
        page: Name of a page in `docs/reproductions`, path of a YAML file, or of the page beside it.

    Raises:
        ConfigError: If there is no such page, or an entry is wrong; the message names the entry.
    """
    given = Path(page)
    file = given.with_suffix(".yaml") if given.suffix == ".md" else given
    if given.suffix not in (".yaml", ".yml", ".md"):
        file = PAGES / f"{page}.yaml"
    if not file.is_file():
        known = [one.stem for one in PAGES.glob("*.yaml")]
        elsewhere = "type it in the folder of a clone, or give a YAML file"
        instead = hint(page, known) if known else elsewhere
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
    """Return a checked entry: its experiment or study exists, and its settings are valid."""
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
            raise ConfigError(
                f"no training {subject!r} is listed above it; {hint(subject, trainings)}"
            )
    if entry.runs < 1:
        raise ConfigError(f"runs = {entry.runs}: must be at least 1")
    if entry.shares is not None and not _NAME.fullmatch(entry.shares):
        raise ConfigError("shares has small letters, digits, hyphens and dots only")


def _typed(schema: type[T], plain: Any) -> T:
    """Convert a YAML mapping to a dataclass."""
    from omegaconf import OmegaConf  # here, because `--help` and completion do without it
    from omegaconf.errors import OmegaConfBaseException

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
