"""Evaluate the halves of a split encoding: how well each half restores each kind of digit.

A half's certificate is a decoder that reads this half alone.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from chisel import configs
from chisel.analysis.results import (
    Estimate,
    Settings,
    as_list,
    mean_over_seeds,
    new_figure,
    new_table,
    results_folder,
    runs_of,
    save_figure,
    write_json,
)
from chisel.configs import ConfigError, RunConfig
from chisel.corpora import HALVES, Examples, Part, half_of, load_data
from chisel.models import HalvesAutoencoder, Loaded, load, require_model

_POSITIVE = (0.0, math.inf)
Errors = Mapping[str, Mapping[str, float]]
"""By decoder (`decoded`, `first`, `second`), then by kind of digit (`low`, `high`)."""

OWN = {"first": "low", "second": "high"}
"""By half, the digits that routing assigns to it."""

_BATCH = 2000
_ROWS = {
    "decoded": "decoder (both halves)",
    "first": "first half's certificate",
    "second": "second half's certificate",
    "constant": "best constant picture",
}

_EACH = 3
"""Number of pictures of every digit."""
_PICTURE_ROWS = ("picture", "decoder", "first half", "second half")
_TITLES = {"low": "digits 0 to 4", "high": "digits 5 to 9"}
_GAP = 0.15
"""Space between pictures, as a share of their side."""


def halves_errors(model: HalvesAutoencoder, examples: Examples) -> dict[str, Errors]:
    """Return mean errors per pixel, in −1…1: `mae` absolute, `mse` squared."""
    made: dict[str, list[NDArray[np.float32]]] = {"decoded": [], "first": [], "second": []}
    device = next(model.parameters()).device
    with torch.no_grad():
        for start in range(0, len(examples), _BATCH):
            batch = torch.from_numpy(examples.images[start : start + _BATCH]).to(device)
            outputs = model(batch)
            for name, parts in made.items():
                parts.append(getattr(outputs, name).float().cpu().numpy())
    return _errors({name: np.concatenate(parts) for name, parts in made.items()}, examples)


def _errors(made: Mapping[str, NDArray[Any]], examples: Examples) -> dict[str, Errors]:
    halves = half_of(examples.digits)
    errors: dict[str, dict[str, dict[str, float]]] = {"mae": {}, "mse": {}}
    for name, images in made.items():
        wrong = images - examples.images
        for kind, sizes in (("mae", np.abs(wrong)), ("mse", np.square(wrong))):
            each = sizes.mean(axis=(1, 2), dtype=np.float64)
            errors[kind][name] = {
                half: float(each[halves == number].mean()) for number, half in enumerate(HALVES)
            }
    return dict(errors)


def cross_own(errors: Errors) -> dict[str, float]:
    """Return, for each half, its certificate's error on the other half's digits over its own."""
    other = dict(zip(HALVES, HALVES[::-1], strict=True))
    return {half: errors[half][other[own]] / errors[half][own] for half, own in OWN.items()}


@dataclass(frozen=True)
class HalvesScore:
    """The errors of one trained network."""

    seed: int
    errors: dict[str, Errors]
    """By `mae` and `mse`."""
    ratios: dict[str, dict[str, float]]
    """`cross_own` of both kinds of errors."""
    origin: dict[str, Any]
    """Checkpoint, digest, examples trained on, config."""

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"seed": self.seed, "errors": self.errors, "cross_own": self.ratios, **self.origin}


@dataclass(frozen=True)
class HalvesEvaluation:
    """The scores of one run, or of several that differ in their seed."""

    scores: tuple[HalvesScore, ...]
    part: Part
    constant: dict[str, Errors]
    """Errors of the constant picture with the least error on the training examples."""
    command: str
    data: Path
    figure: Path

    def error(self, kind: str, name: str, half: str) -> Estimate:
        """Return one error over the seeds, as in `HalvesScore.errors`."""
        return mean_over_seeds(
            [score.errors[kind][name][half] for score in self.scores], within=_POSITIVE
        )

    def ratio(self, kind: str, half: str) -> Estimate:
        """Return one ratio over the seeds."""
        return mean_over_seeds(
            [score.ratios[kind][half] for score in self.scores], within=_POSITIVE
        )

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "part": self.part,
            "command": self.command,
            "cross_own": {
                kind: {half: self.ratio(kind, half).to_plain() for half in OWN}
                for kind in ("mae", "mse")
            },
            "constant": self.constant,
            "scores": [score.to_plain() for score in self.scores],
        }

    def table(self) -> Table:
        """Return a table of errors and ratios for a terminal."""
        seeds = ", ".join(str(score.seed) for score in self.scores)
        table = new_table(
            title=f"seed {seeds}, {self.part} examples",
            caption="errors per pixel, which runs from -1 to 1; cross/own: error on the other "
            "half's digits over that on its own"
            + (r"; mean and 95 % interval over seeds, \[least, greatest]" if self._several else ""),
            words=["reconstructed by"],
            numbers=["MAE 0-4", "MAE 5-9", "cross/own", "MSE 0-4", "MSE 5-9", "cross/own"],
        )
        for name, words in _ROWS.items():
            table.add_row(words, *self._cells("mae", name), *self._cells("mse", name))
        return table

    @property
    def _several(self) -> bool:
        return len(self.scores) > 1

    def _cells(self, kind: str, name: str) -> list[str]:
        if name == "constant":
            return [f"{self.constant[kind][name][half]:.3f}" for half in HALVES] + [""]
        cells = [self.error(kind, name, half).plus_minus(".3f") for half in HALVES]
        if name not in OWN:
            return [*cells, ""]
        ratios = [score.ratios[kind][name] for score in self.scores]
        ends = f" [{min(ratios):.2f}, {max(ratios):.2f}]" if self._several else ""
        return [*cells, self.ratio(kind, name).plus_minus(".2f") + ends]


def evaluate_halves(
    run: Path | str, *, overrides: Settings = (), out: Path | str | None = None
) -> HalvesEvaluation:
    """Measure how well each half restores digits; write `split.json` and `reconstructions.png`.

    Args:
        run: A run on a data set, a checkpoint, or a group of runs (`seed-*`).
        overrides: `eval.split=` (train, validation or test) and `data.*`.
        out: Folder of the results; `None` is `studies/split` of the run.

    Raises:
        CheckpointError: If nothing can be loaded from there.
        ConfigError: If an override is wrong, or that part of the data set is empty.
    """
    run = Path(run)
    trained = [_loaded(member) for member in runs_of(run)]
    settings = as_list(overrides)
    config = _config(trained[0], settings)
    data = load_data(config.corpus)
    part = _part(config)
    examples = data.part(part)
    if not len(examples):
        raise ConfigError(f"eval.split = {part}: this data set was made without")
    folder = results_folder(run, trained[0], "split", out)
    scores = sorted((_score(one, examples) for one in trained), key=lambda score: score.seed)
    drawn = reconstructions_figure(trained[0].model, examples)
    evaluation = HalvesEvaluation(
        tuple(scores),
        part,
        constant=_constant(data.train, examples),
        command=shlex.join(["chisel", "eval", str(run), *settings]),
        data=folder / "split.json",
        figure=save_figure(drawn, folder / "reconstructions.png", trained[0].digest),
    )
    write_json(evaluation.data, evaluation.to_plain())
    return evaluation


def _loaded(run: Path) -> Loaded[HalvesAutoencoder]:
    otherwise = "has no halves; give a run that learnt from a corpus"
    return require_model(load(run), HalvesAutoencoder, otherwise)


def _config(trained: Loaded[HalvesAutoencoder], settings: Sequence[str]) -> RunConfig:
    for setting in settings:
        if not setting.startswith(("eval.split=", "data.")):
            raise ConfigError(f"{setting}: here an evaluation takes eval.split= and data.*=VALUE")
    assert trained.config is not None  # only published agents have none
    return configs.override(trained.config, settings) if settings else trained.config


def _part(config: RunConfig) -> Part:
    for part in get_args(Part):
        if part == config.eval.split:
            return part  # type: ignore[no-any-return]  # get_args forgets what it was given
    raise ConfigError(f"eval.split = {config.eval.split}: one of {', '.join(get_args(Part))}")


def _score(trained: Loaded[HalvesAutoencoder], examples: Examples) -> HalvesScore:
    assert trained.config is not None  # only published agents have none
    errors = halves_errors(trained.model, examples)
    origin = {
        "checkpoint": str(trained.source),
        "sha256": trained.digest,
        "examples": trained.env_steps,
        "config": configs.to_plain(trained.config),
    }
    ratios = {kind: cross_own(errors[kind]) for kind in errors}
    return HalvesScore(trained.config.seed, errors, ratios, origin)


def _constant(train: Examples, examples: Examples) -> dict[str, Errors]:
    """Return the errors of the best constant picture: the median for `mae`, the mean for `mse`."""
    best = {"mae": np.median(train.images, axis=0), "mse": train.images.mean(axis=0)}
    return {
        kind: _errors({"constant": np.broadcast_to(image, examples.images.shape)}, examples)[kind]
        for kind, image in best.items()
    }


def reconstructions_figure(model: HalvesAutoencoder, examples: Examples) -> Figure:
    """Draw pictures of low and high digits, and what the decoder and the certificates restore.

    The first few pictures of every digit are shown, not chosen ones.
    """
    figure = new_figure(7.5, 4.3)
    axes: Any = figure.subplots(len(HALVES), 1)
    for number, half in enumerate(HALVES):
        images = torch.from_numpy(examples.images[_first_few(examples, number)])
        with torch.no_grad():
            made = model(images)
        rows = [part.numpy() for part in (images, made.decoded, made.first, made.second)]
        side = images.shape[1]
        gap = round(_GAP * side)
        ax = axes[number]
        ax.imshow(_mosaic(rows, gap), cmap="gray_r", vmin=-1, vmax=1)
        ax.set_yticks([row * (side + gap) + side / 2 for row in range(len(rows))], _PICTURE_ROWS)
        ax.set_xticks([])
        ax.tick_params(length=0, labelsize=8)
        ax.spines[:].set_visible(False)
        ax.set_title(_TITLES[half], fontsize=9)
    return figure


def _mosaic(rows: Sequence[NDArray[np.float32]], gap: int) -> NDArray[np.float32]:
    """Return rows of pictures `[N, H, W]` as one picture, on white."""
    padded = [np.pad(row, ((0, 0), (0, gap), (0, gap)), constant_values=-1) for row in rows]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in padded], axis=0)


def _first_few(examples: Examples, half: int) -> NDArray[np.intp]:
    """Return indices of the first pictures of each digit of a half, digit by digit."""
    digits = [digit for digit in np.unique(examples.digits) if half_of(digit) == half]
    return np.concatenate([np.flatnonzero(examples.digits == d)[:_EACH] for d in digits])
