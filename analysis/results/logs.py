"""Show the metrics that a run logged while it trained, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from chisel.analysis.results.curves import KEYS, read_log
from chisel.analysis.results.tables import new_table
from chisel.configs import CheckpointError, ConfigError, Option, Within, hint

_OPTIONS = (
    Option("key", str, (), several=True),
    Option("last", int, None, within=Within(1)),
    Option("plot", bool, False),
)
_LAST = 20
"""Default number of rows that are shown of each requested metric."""
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 20
"""Width of a curve in characters."""


def logs(
    folder: Path | str, *, key: str | Sequence[str] = (), last: Any = None, plot: Any = False
) -> list[Table]:
    """Return tables of the metrics that a run, or several runs side by side, have logged.

    Args:
        folder: Folder of a run with `metrics.csv` and maybe `studies.csv`, or a folder of runs.
        key: Metrics whose last rows are shown. Empty shows the newest value of every metric.
        last: Number of rows that are shown; `None` shows 20.
        plot: Whether to draw each metric over the whole training instead.

    Raises:
        CheckpointError: If the folder has no run, or a log is damaged or has no row yet.
        ConfigError: If a metric was not logged, or an option is malformed or has no effect.
    """
    values = zip(_OPTIONS, (key, last, plot), strict=True)
    keys, rows, drawn = (option.read(given) for option, given in values)
    if rows is not None and (drawn or not keys):
        without = "plot=true draws all rows" if drawn else "it needs key=METRIC"
        raise ConfigError(f"last={rows} has no effect: {without}")
    runs = _read(Path(folder))
    known = list(dict.fromkeys(str(name) for run in runs.values() for name in run))
    for name in keys:
        if name not in known:
            raise ConfigError(f"key={name}: {folder} logged no such metric; {hint(name, known)}")
    if drawn:
        return [_curves(runs, keys or known)]
    if not keys:
        return [_newest(runs, known)]
    if len(runs) == 1:
        (run,) = runs.values()
        return [_last_rows(None, {name: run[name] for name in keys}, rows or _LAST)]
    return [_last_rows(name, _of_runs(runs, name), rows or _LAST) for name in keys]


def _read(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the logs of one or several runs, by name; rows are by iteration and `env_steps`."""
    if (folder / "metrics.csv").is_file():
        return {folder.name: _read_one(folder)}
    found = [file.parent for depth in ("*", "*/*") for file in folder.glob(f"{depth}/metrics.csv")]
    if not found:
        raise CheckpointError(f"{folder} has no metrics.csv, nor have folders in it; is it a run?")
    names = sorted((run.relative_to(folder).as_posix() for run in found), key=lambda n: (len(n), n))
    return {name: _read_one(folder / name) for name in names}


def _read_one(run: Path) -> pd.DataFrame:
    log = read_log(run / "metrics.csv").set_index(list(KEYS))
    studies = run / "studies.csv"
    return log.join(read_log(studies).set_index(list(KEYS))) if studies.is_file() else log


def _of_runs(runs: Mapping[str, pd.DataFrame], name: str) -> dict[str, pd.Series[float]]:
    """Return one metric of each run; a run that never logged it has no value."""
    return {run: log.reindex(columns=[name])[name] for run, log in runs.items()}


def _newest(runs: Mapping[str, pd.DataFrame], names: Sequence[str]) -> Table:
    one = len(runs) == 1
    extents = [_extent(log) if one else f"{run}: {_extent(log)}" for run, log in runs.items()]
    headings = ["newest"] if one else list(runs)
    table = new_table(caption="\n".join(extents), words=["metric"], numbers=headings)
    for name in names:
        series = [values.dropna() for values in _of_runs(runs, name).values()]
        table.add_row(name, *(_number(one.iloc[-1]) if len(one) else "–" for one in series))
    return table


def _last_rows(title: str | None, columns: Mapping[str, pd.Series[float]], count: int) -> Table:
    frame = pd.concat(columns, axis="columns").sort_index().dropna(how="all").tail(count)
    table = new_table(title, numbers=[*KEYS, *columns])
    for (iteration, steps), *values in frame.itertuples(name=None):
        table.add_row(f"{iteration:,}", f"{steps:,}", *map(_number, values))
    return table


def _curves(runs: Mapping[str, pd.DataFrame], names: Sequence[str]) -> Table:
    headings = ["metric", *(["run"] if len(runs) > 1 else []), "over the training"]
    table = new_table(words=headings, numbers=["least", "most", "newest"])
    for name in names:
        for run, values in _of_runs(runs, name).items():
            finite = values[np.isfinite(values)]
            numbers = [finite.min(), finite.max(), finite.iloc[-1]] if len(finite) else [np.nan] * 3
            words = [name, *([run] if len(runs) > 1 else []), _curve(finite)]
            table.add_row(*words, *map(_number, numbers))
    return table


def _curve(values: pd.Series[float]) -> str:
    """Draw values as bars, each of them the mean over a part of the rows."""
    if not len(values):
        return ""
    parts = np.array_split(values.to_numpy(), min(_WIDTH, len(values)))
    means = np.array([part.mean() for part in parts])
    spread = np.ptp(means)
    heights = (means - means.min()) / spread if spread else np.zeros(len(means))
    return "".join(_BARS[round(height * (len(_BARS) - 1))] for height in heights)


def _extent(log: pd.DataFrame) -> str:
    steps = log.index.get_level_values("env_steps")
    return f"{len(log):,} row{'s' * (len(log) > 1)}, env_steps {steps.min():,} to {steps.max():,}"


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.5g}"
