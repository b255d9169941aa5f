"""The evaluator of autoencoders: how well each half of an encoding restores each kind of digit.

The certificate of a half is a decoder that reads only this half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel.analysis.evaluation.evaluator import (
    AnyLoaded,
    Count,
    Evaluator,
    Metric,
    Player,
    Situation,
)
from chisel.analysis.evaluation.playing import Facts, on_its_device
from chisel.analysis.results import new_figure
from chisel.configs import ConfigError, RunConfig
from chisel.corpora import HALVES, Examples, Part, half_of, load_data
from chisel.models import HalvesAutoencoder, Reconstructions, require_model

OWN = {"first": "low", "second": "high"}
"""Digits that routing assigns to each half."""

_DECODERS = {"decoded": "both halves", "first": "first half", "second": "second half"}
"""Outputs of the network, and the halves from which they are decoded."""
_DIGITS = {"low": "0-4", "high": "5-9"}
_BATCH = 2000

_EACH = 3
"""Number of pictures of each digit."""
_PICTURE_ROWS = ("picture", "decoder", "first half", "second half")
_TITLES = {"low": "digits 0 to 4", "high": "digits 5 to 9"}
_GAP = 0.15
"""Space between pictures, as a share of their side."""

Images = NDArray[np.float32]
Restore = Callable[[torch.Tensor], Reconstructions]
"""Function from pictures `[B, H, W]` to their reconstructions."""


def halves_evaluator(config: RunConfig) -> Evaluator:
    """Return the evaluator of autoencoders with two halves, on any corpus of digits.

    Errors are per pixel, which runs from -1 to 1: `MAE` is absolute, `MSE` squared. `cross/own` is
    the error of a half's certificate on the other half's digits divided by that on its own digits.
    """
    metrics = []
    for kind in ("MAE", "MSE"):
        for half, digits in _DIGITS.items():
            errors = _errors_on(kind, HALVES.index(half))
            metrics.append(Metric(f"{kind} {digits}", None, "lower", errors, form=".3f"))
        ratio = _cross_own(kind)
        metrics.append(Metric(f"{kind} cross/own", None, "higher", whole=ratio, form=".3f"))
    return Evaluator(
        metrics=tuple(metrics),
        units="examples",
        splits=get_args(Part),
        situations=tuple(Situation({"from": made_from}) for made_from in _DECODERS.values()),
        open=_open,
        players=_players,
        irrelevant=("eval.levels", "eval.seed", "eval.greedy"),
        about=lambda loaded, config: {"held_out": config.eval.split != "train"},
        caption="errors per pixel, which runs from -1 to 1, of what is restored from both halves "
        "or from one; cross/own: error on the other half's digits over that on its own",
        figure=lambda loaded, config: reconstructions_figure(_model(loaded), _examples(config)),
    )


def split_ratios(model: HalvesAutoencoder, examples: Examples) -> dict[str, float]:
    """Return the ratio of each half's absolute errors: on the other half's digits over its own."""
    made, kinds = _restored(on_its_device(model), examples.images), half_of(examples.digits)
    ratios = {}
    for half, own in OWN.items():
        errors = _sizes(made[half] - examples.images)["MAE"]
        mine = kinds == HALVES.index(own)
        ratios[half] = float(errors[~mine].mean()) / float(errors[mine].mean())
    return ratios


def _restored(restore: Restore, images: Images) -> dict[str, Images]:
    """Return a network's reconstructions of pictures `[N, H, W]`, by the name of its output."""
    made: dict[str, list[Images]] = {name: [] for name in _DECODERS}
    with torch.no_grad():
        for start in range(0, len(images), _BATCH):
            outputs = restore(torch.from_numpy(images[start : start + _BATCH]))
            for name, parts in made.items():
                parts.append(getattr(outputs, name).float().cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in made.items()}


def _sizes(wrong: Images) -> dict[str, NDArray[np.float64]]:
    """Return the mean absolute and the mean squared error of each picture `[N]`."""
    sizes = {"MAE": np.abs(wrong), "MSE": np.square(wrong)}
    return {kind: each.mean(axis=(1, 2), dtype=np.float64) for kind, each in sizes.items()}


@dataclass(frozen=True)
class _Pictures:
    """The pictures of one part of a corpus, restored from one or both halves."""

    examples: Examples
    output: str

    def play(self, player: Player, key: Sequence[int], progress: Count | None = None) -> Facts:
        with player.context():
            made = _restored(player.policy, self.examples.images)[self.output]
        own = OWN.get(self.output)
        facts = {"digit": self.examples.digits, **_sizes(made - self.examples.images)}
        if own is not None:
            facts["own"] = half_of(self.examples.digits) == HALVES.index(own)
        return facts


def _open(
    loaded: AnyLoaded, config: RunConfig, situation: Situation, *, paired: bool
) -> AbstractContextManager[_Pictures]:
    output = next(name for name, words in _DECODERS.items() if words == situation.named["from"])
    return nullcontext(_Pictures(_examples(config), output))


def _examples(config: RunConfig) -> Examples:
    data, part = load_data(config.corpus), config.eval.split
    examples = {"train": data.train, "validation": data.validation, "test": data.test}[part]
    if not len(examples):
        raise ConfigError(f"eval.split = {part}: this corpus was made without")
    return examples


def _players(loaded: AnyLoaded, config: RunConfig, situation: Situation) -> Sequence[Player]:
    """Return the network, and for its decoder the constant pictures with the smallest errors.

    They are made from the training examples: the median for absolute errors, the mean for squared
    errors.
    """
    agent = Player("agent", on_its_device(_model(loaded)))
    if situation.named["from"] != _DECODERS["decoded"]:
        return [agent]
    images = load_data(config.corpus).train.images
    constants = {"median": np.median(images, axis=0), "mean": images.mean(axis=0)}
    return [agent, *(Player(f"{k} picture", _constant(one)) for k, one in constants.items())]


def _model(loaded: AnyLoaded) -> HalvesAutoencoder:
    otherwise = "has no halves; give a run that learnt from a corpus"
    return require_model(loaded, HalvesAutoencoder, otherwise).model


def _constant(picture: Images) -> Restore:
    def restore(images: torch.Tensor) -> Reconstructions:
        made = torch.from_numpy(picture).expand_as(images)
        return Reconstructions(encoding=images, decoded=made, first=made, second=made)

    return restore


def _errors_on(kind: str, half: int) -> Callable[[Facts], NDArray[np.float64]]:
    """Return errors on the digits of a half, NaN for others."""
    return lambda facts: np.where(half_of(facts["digit"]) == half, facts[kind], np.nan)


def _cross_own(kind: str) -> Callable[[Facts], float]:
    def ratio(facts: Facts) -> float:
        if "own" not in facts or len(np.unique(facts["own"])) < 2:
            return float("nan")
        own, errors = facts["own"], facts[kind]
        return float(errors[~own].mean()) / float(errors[own].mean())

    return ratio


def reconstructions_figure(model: HalvesAutoencoder, examples: Examples) -> Figure:
    """Draw pictures of low and high digits, as restored by the decoder and the certificates.

    They are the first pictures of each digit, and were not selected.
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
    """Return rows of pictures `[N, H, W]` as one picture, on a white background."""
    padded = [np.pad(row, ((0, 0), (0, gap), (0, gap)), constant_values=-1) for row in rows]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in padded], axis=0)


def _first_few(examples: Examples, half: int) -> NDArray[np.intp]:
    """Return indices of the first pictures of each digit of a half, digit by digit."""
    digits = [digit for digit in np.unique(examples.digits) if half_of(digit) == half]
    return np.concatenate([np.flatnonzero(examples.digits == d)[:_EACH] for d in digits])
