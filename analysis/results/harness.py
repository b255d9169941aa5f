"""Run a study: read its options, load its agents, call its function, write its result.

A study is a function from agents and typed options to a `Result`:

    def run(checkpoint: Agents, *, levels: Count = 100, progress: ProgressCallback) -> Result:

The harness does the rest. A function that takes one `Agent` is called once for each seed of a
group, and its tables are joined: means over seeds, with intervals.
"""

from __future__ import annotations

import inspect
import json
import math
import platform
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chisel.analysis.results.estimates import Estimate, estimate_over_seeds, mean_over_seeds
from chisel.analysis.results.figures import save_figure
from chisel.analysis.results.files import (
    MANIFEST,
    make_folder,
    plain,
    read_json,
    replace_results,
    write_csv,
    write_json,
)
from chisel.analysis.results.folders import check_writable, joined, short_digest
from chisel.analysis.results.looks import Look
from chisel.analysis.results.options import options_of
from chisel.analysis.results.progress import ProgressCallback, progress_bars
from chisel.analysis.results.result import DataTable, Result
from chisel.analysis.results.subjects import Networks, load_agents, load_networks
from chisel.analysis.results.tables import keep_tables
from chisel.analysis.results.threads import choose_threads, torch_threads
from chisel.configs import (
    PROGRESS,
    STYLE,
    THREADS,
    WIDTH,
    ConfigError,
    EnvironmentFault,
    Option,
    as_typed,
    read_options,
    versions_of,
)
from chisel.models import Agent, Loaded

_AROUND = (THREADS.name, STYLE.name, WIDTH.name)
"""Options that change how fast a result is computed, or how figures are drawn."""
_NO_OPTIONS = ("checkpoint", "out", *_AROUND)
"""Options on which the numbers of a result do not depend, besides the studied network."""
_HOME = "runs_dir"
"""Option of studies that train; their results lie beside the runs."""
_PLAIN = re.compile(r"[A-Za-z0-9._]+")
_LONGEST = 48
"""Largest number of characters of options that are spelt out in a folder's name."""
_PACKAGES = ("chisel", "numpy", "numba", "torch")
"""Packages whose version can change a result."""


@dataclass(frozen=True)
class Call:
    """A study with the values of its options."""

    study: str
    options: Mapping[str, Option]
    values: Mapping[str, Any]
    """Values by name, including those of `checkpoint`, `out` and `threads`."""

    @property
    def changed(self) -> dict[str, str]:
        """The options that are not at their defaults, as a user types them."""
        return {
            name: option.typed(self.values[name])
            for name, option in self.options.items()
            if name not in _NO_OPTIONS and self.values[name] != option.default
        }

    @property
    def command(self) -> str:
        """Command line that gives the same result."""
        source = self.values.get("checkpoint")
        about = {} if source is None else {"checkpoint": as_typed(source)}
        last = {
            name: self.options[name].typed(self.values[name])
            for name in _AROUND
            if self.values[name] != self.options[name].default
        }
        words = [f"{name}={text}" for name, text in (about | self.changed | last).items()]
        return shlex.join(["chisel", "study", self.study, *words])

    @property
    def plain(self) -> dict[str, Any]:
        """All options with their values, in plain values."""
        return {
            name: plain(as_typed(value) if value and self.options[name].loads else value)
            for name, value in self.values.items()
            if name not in _NO_OPTIONS
        }

    def words(self) -> str:
        """Return the options that are not at their defaults, for the name of a folder.

        Different options have different words.
        """
        spelt = {name: text for name, text in self.changed.items() if name != _HOME}
        words = "-".join(f"{name}-{text}" for name, text in spelt.items())
        if len(words) <= _LONGEST and all(map(_PLAIN.fullmatch, spelt.values())):
            return words
        short = re.sub(r"[^A-Za-z0-9._]+", "-", words)[:_LONGEST].strip("-.")
        return f"{short}-{short_digest(json.dumps(spelt))}"

    def folder(self, subjects: Sequence[Networks]) -> Path:
        """Return the folder of the results.

        It is `out` if given. Otherwise it is `studies/STUDY` of the run or group, of `runs_dir`, or
        of the current folder, followed by the options that are not at their defaults. Networks that
        belong to no run, and several networks, have their own folder in it, named by their digests.
        """
        out, words = self.values["out"], self.words()
        if out is not None:
            return Path(out)
        if not subjects:
            return Path(self.values.get(_HOME, "")) / "studies" / joined(self.study, words)
        if len(subjects) > 1:
            digests = [network.digest for one in subjects for network in one]
            name = joined(f"{len(digests)}-agents", short_digest(" ".join(digests)), words)
            return Path("studies") / self.study / name
        return subjects[0].folder(self.study, words)


def run_study(
    study: str,
    function: Callable[..., Result],
    given: Mapping[str, Any],
    *,
    written: Callable[[Path], object] | None = None,
) -> Path:
    """Run a study and write its result into one folder, in place of its earlier results.

    Args:
        study: Name of the study.
        function: Function of the study.
        given: Options by name; text, as from a command line, is converted, and those that are
            `None` are at their defaults.
        written: Called with the folder before the study's conclusion is printed.

    Returns:
        The folder, with `STUDY.json`, a CSV file for each table, the figures, and `tables.json`.

    Raises:
        ConfigError: If an option is unknown, missing or impossible, or results cannot be written.
        CheckpointError: If an agent cannot be loaded.
        EnvironmentFault: If the result has a `failure`; everything is written before.
    """
    options = options_of(study, function)
    call = Call(study, options, read_options(study, options, given))
    source = call.values.get("checkpoint")
    check_writable(source if isinstance(source, str) else None, call.values["out"])
    threads = call.values[THREADS.name] or choose_threads()
    with torch_threads(threads), progress_bars() as progress:
        loaded = _loaded(call, progress)
        result = _called(function, call, loaded, progress)
    folder = make_folder(call.folder(loaded.get("checkpoint", ())))
    with replace_results(folder, study, call.plain):
        _write(result, folder, call, loaded)
    if written:
        written(folder)
    if result.conclusion:
        print(result.conclusion)
    if result.failure:
        raise EnvironmentFault(result.failure)
    return folder


def find_results(
    study: str, function: Callable[..., Result], given: Mapping[str, Any]
) -> Path | None:
    """Return the folder with the result that `run_study` would write, if it is there already.

    The result must be about the same weights, with the same options. Arguments are those of
    `run_study`.
    """
    options = options_of(study, function)
    call = Call(study, options, read_options(study, options, given))
    subjects = _loaded(call, lambda *_: None).get("checkpoint", ())
    folder = call.folder(subjects)
    data = read_json(folder / f"{study}.json")
    found = [run.get("sha256") for run in data.get("runs", [])]
    same = data.get(MANIFEST, {}).get("options") == call.plain
    return folder if same and found == [n.digest for one in subjects for n in one] else None


def _loaded(call: Call, progress: ProgressCallback) -> dict[str, tuple[Networks, ...]]:
    """Load the networks of all options that take some: one group, or each of several."""
    found = {}
    for name, option in call.options.items():
        value = call.values[name]
        if option.loads and value is not None:
            several = value if option.several else (value,)
            found[name] = tuple(_group(option, n, call.values["env"], progress) for n in several)
    return found


def _group(
    option: Option, given: Networks | Agent | str, env: str | None, progress: ProgressCallback
) -> Networks:
    """Load one group; `env` is passed on for the studied network and for published weights."""
    studied = option.name == "checkpoint"
    load = load_networks if option.kind == "Networks" else load_agents
    found = load(given, env if studied or str(given).endswith(".pth") else None)
    if option.kind == "Agent" and len(found) > 1 and not studied:
        raise ConfigError(
            f"{option.name}={found.path}: one agent only, and this is a folder of {len(found)} "
            f"seeds; give one of them, like {option.name}={Path(found.path) / found.names[0]}"
        )
    return replace(found, progress=progress)


def _called(
    function: Callable[..., Result],
    call: Call,
    loaded: Mapping[str, tuple[Networks, ...]],
    progress: ProgressCallback,
) -> Result:
    """Call a study's function, or once for each seed of a group if it takes a single agent."""
    given = {k: v for k, v in call.values.items() if k not in ("out", "env", *_AROUND)}
    own_bar = PROGRESS in inspect.signature(function).parameters
    given |= {PROGRESS: progress} if own_bar else {}
    for name, groups in loaded.items():
        one = groups[0].first if call.options[name].kind == "Agent" else groups[0]
        given[name] = groups if call.options[name].several else one
    if "checkpoint" not in loaded or call.options["checkpoint"].kind != "Agent":
        return function(**given)
    (subjects,) = loaded["checkpoint"]

    def of_one(agent: Loaded[Any], progress: ProgressCallback) -> Result:
        own = {PROGRESS: progress} if own_bar else {}
        return function(**(given | {"checkpoint": agent} | own))

    results = subjects.each(of_one)
    if len(results) == 1:
        return results[0]
    return over_seeds(dict(zip(subjects.names, results, strict=True)))


def over_seeds(results: Mapping[str, Result]) -> Result:
    """Join the results of seeds: tables of means over them, and the figures and numbers of each.

    Args:
        results: Results by the name of the seed's run.
    """
    first = next(iter(results.values()))
    tables = {
        name: _table_over_seeds(
            [one.tables[name] for one in results.values() if name in one.tables]
        )
        for name in first.tables
    }
    joined = Result({"over_seeds": {name: table.rows for name, table in tables.items()}}, tables)
    return joined.with_seeds({run: replace(one, tables={}) for run, one in results.items()})


def _table_over_seeds(tables: Sequence[DataTable]) -> DataTable:
    """Return means over seeds of rows about the same thing, and the number of seeds of each."""
    rows: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for table in tables:
        for row in table.rows:
            keys = table.key or [name for name in row if isinstance(row[name], str)]
            rows.setdefault(tuple(row.get(key) for key in keys), []).append(row)
    spread = f"means over {len(tables)} seeds, 95 % intervals over seeds (Student's t)"
    means = [_mean_row(some) | {"seeds": len(some)} for some in rows.values()]
    if all(row["seeds"] == len(tables) for row in means):
        means = [{name: row[name] for name in row if name != "seeds"} for row in means]
    return replace(tables[0], rows=means, spread=spread)


def _mean_row(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        name: _mean_cell([row[name] for row in rows if row.get(name) is not None])
        for name in dict.fromkeys(name for row in rows for name in row)
    }


def _mean_cell(cells: Sequence[Any]) -> Any:
    """Return the mean over seeds of numbers, a number that is equal in all, or all texts once."""
    if not cells:
        return None
    if isinstance(cells[0], Estimate):
        if len(cells) == 1:  # its interval is not one over seeds
            return replace(cells[0], low=math.nan, high=math.nan, n=1)
        return estimate_over_seeds(cells)
    distinct = list(dict.fromkeys(cells))
    if isinstance(cells[0], str):
        return " / ".join(distinct)
    fixed = len(distinct) == 1 and isinstance(cells[0], int)
    return cells[0] if fixed else mean_over_seeds(cells)


def _write(
    result: Result, folder: Path, call: Call, loaded: Mapping[str, tuple[Networks, ...]]
) -> None:
    digests = [agent.digest for one in loaded.get("checkpoint", ()) for agent in one]
    look = Look(call.values[STYLE.name], call.values[WIDTH.name])
    origin = ", ".join([*(f"sha256 {digest}" for digest in digests[:1]), call.command])
    about: dict[str, Any] = {
        "command": call.command,
        "versions": {"python": platform.python_version()} | versions_of(_PACKAGES),
    }
    for name, some in loaded.items():
        key = "runs" if name == "checkpoint" else f"runs of {name}"
        about[key] = [plain_agent for one in some for plain_agent in one.to_plain()]
    said = {"conclusion": result.conclusion} if result.conclusion else {}
    write_json(folder / f"{call.study}.json", about | dict(result.data) | said)
    for name, figure in result.figures.items():
        save_figure(figure, folder / f"{name}.png", origin, look=look)
    frames = {name: table.frame for name, table in result.tables.items()} | dict(result.frames)
    for name, frame in frames.items():
        write_csv(folder / f"{name}.csv", frame)
    for name, write in result.files.items():
        write(folder / name)
    if result.tables:
        keep_tables(folder, [table.table() for table in result.tables.values()])
