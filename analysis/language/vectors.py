"""Make and add steering vectors of language models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from chisel.analysis.interventions import Edit, record
from chisel.analysis.language.sites import SiteTable
from chisel.analysis.steering import SteeringVector
from chisel.configs import ConfigError
from chisel.models.language import LanguageModel, Tokens, token_positions

PENALTIES = (1e-4, 1.0, 1e4)
"""Values of scikit-learn's C for probes, from strong to weak regularisation."""
_AT_A_TIME = 16
"""Number of texts in one forward pass while activations are recorded."""


def add_at_tokens(vector: Tensor, coeff: float = 1.0, *, first: bool = False) -> Edit:
    """Return the edit that adds `coeff * vector` to tokens of the stream `[B, T, units]`.

    Nothing is added to padding. A token has the same position with padding on either side, and when
    tokens are generated one by one with a cache.

    Args:
        vector: `[units]`, for every token; or `[F, units]`, one for each of the first F tokens.
        coeff: Factor that the vector is multiplied by.
        first: Whether the token at position 0 is steered, too. It usually begins a text, and many
            networks direct attention there that has no other target.
    """
    least = 0 if first else 1

    def edit(values: Tensor) -> Tensor:
        positions, given = token_positions(values), vector.to(values)
        if given.dim() == 1:
            added = given * (positions >= least)[..., None]
        else:
            inside = (positions >= least) & (positions < len(given))
            added = given[positions.clamp(0, len(given) - 1)] * inside[..., None]
        steered: Tensor = values + coeff * added
        return steered

    return edit


def aligned(lm: LanguageModel, plus: str, minus: str) -> Tokens:
    """Return two prompts as tokens of one length; the shorter gets spaces on its right.

    Activation addition does so (Turner et al. 2023, section 3).

    Raises:
        ConfigError: If they cannot be aligned, because a prompt has no tokens or a space is not one
            token.
    """
    both = [lm.begin + lm.ids(plus), lm.begin + lm.ids(minus)]
    missing = abs(len(both[0]) - len(both[1]))
    space = lm.ids(" ")
    if missing and len(space) != 1:
        raise ConfigError(
            f"{plus!r} and {minus!r} cannot be aligned: they have {len(both[0])} and "
            f"{len(both[1])} tokens, and a space, which pads the shorter, is {len(space)} tokens "
            "here; give prompts of equal length"
        )
    shorter = both[0] if len(both[0]) < len(both[1]) else both[1]
    shorter += space * missing
    return Tokens.of(both, 0)


def activation_addition(
    lm: LanguageModel, table: SiteTable, name: str, plus: str, minus: str
) -> SteeringVector:
    """Return the stream of one prompt minus that of another, token by token, `[F, units]`.

    Args:
        lm: The model.
        table: Its sites.
        name: The site's name, such as `block.6.in`.
        plus: The prompt with the wanted property.
        minus: The prompt that is subtracted.

    Raises:
        ConfigError: If there is no such site, or the prompts cannot be aligned.
    """
    tokens = aligned(lm, plus, minus)
    site = table.site(name)
    found = record(lm.model, [site], lambda: lm.logits(tokens))[site]
    about = {"method": "activation addition", "plus": plus, "minus": minus}
    return vector_of(lm, table, name, found[0] - found[1], about | {"unit": "the stream's own"})


def vector_of(
    lm: LanguageModel, table: SiteTable, name: str, vector: Tensor, about: Mapping[str, Any]
) -> SteeringVector:
    """Return a vector with its model, site and positions.

    Args:
        lm: The model.
        table: Its sites.
        name: The site's name.
        vector: `[units]` for all tokens, or `[F, units]` for the first ones.
        about: Origin of the vector: `method`, `unit` of the coefficient, the texts.
    """
    positions = "all but the first" if vector.dim() == 1 else f"the first {len(vector)}"
    origin = {"model": lm.name, "sha256": lm.digest, "site": name, "positions": positions}
    reads = {"tokens": lm.vocabulary, "units": table.width}
    return SteeringVector(table.site(name), vector.detach().clone(), reads, origin | dict(about))


def require_fit(vector: SteeringVector, lm: LanguageModel, table: SiteTable, file: Path) -> None:
    """Check that a vector fits a model.

    Raises:
        ConfigError: If the vector is for other sites or units, or for another vocabulary.
    """
    name = str(vector.origin.get("site"))
    reads = {"tokens": lm.vocabulary, "units": table.width}
    if dict(vector.observations) != reads or table.site(name) != vector.site:
        raise ConfigError(
            f"steer={file}: the vector is for {vector.site.where} of a model of "
            f"{dict(vector.observations)}, and {lm.source} has {reads}"
        )


class TextStream(NamedTuple):
    """The stream at the tokens of texts."""

    last: Tensor
    """Stream at the last token of each text `[N, units]`."""
    every: Tensor
    """Stream at every token but the first of each text, one text after the other `[M, units]`."""


def text_streams(
    lm: LanguageModel, table: SiteTable, texts: Sequence[str], names: Sequence[str]
) -> dict[str, TextStream]:
    """Record the stream at the tokens of texts, and return it by the site's name."""
    tokens = lm.tokens(texts)
    sites = {name: table.site(name) for name in names}
    parts: dict[str, list[TextStream]] = {name: [] for name in names}
    for start in range(0, len(tokens), _AT_A_TIME):
        batch = tokens.rows(start, start + _AT_A_TIME)
        found = record(lm.model, sites.values(), partial(lm.logits, batch))
        rows = torch.arange(len(batch))
        for name, site in sites.items():
            stream = found[site]
            parts[name].append(TextStream(stream[rows, batch.last], stream[batch.positions > 0]))
    return {
        name: TextStream(*(torch.cat(some) for some in zip(*streams, strict=True)))
        for name, streams in parts.items()
    }


def probe_direction(wanted: Tensor, unwanted: Tensor, inverse_penalty: float) -> Tensor:
    """Return the normal `[units]` of a logistic regression between two sets of activations.

    Activations are divided by one number, their common standard deviation, so that a penalty means
    the same in every layer. The direction points to `wanted`, and has the length 1.

    Args:
        wanted: Activations of the one set `[N, units]`.
        unwanted: Activations of the other set `[M, units]`.
        inverse_penalty: scikit-learn's C; small values are strong regularisation.
    """
    inputs = torch.cat([wanted, unwanted]).double().numpy()
    inputs = (inputs - inputs.mean(0)) / inputs.std()
    labels = np.repeat([1, 0], [len(wanted), len(unwanted)])
    fitted = LogisticRegression(C=inverse_penalty, max_iter=5000).fit(inputs, labels)
    return torch.nn.functional.normalize(torch.from_numpy(fitted.coef_[0]).float(), dim=0)


def pair_agreement(differences: Tensor) -> tuple[float, float]:
    """Measure how similar the differences of pairs `[N, units]` are.

    Returns:
        The mean cosine of a difference with the mean difference, and the mean cosine of two
        differences (Braun et al. 2025); NaN for a single pair.
    """
    unit = torch.nn.functional.normalize(differences.double(), dim=1)
    mean = torch.nn.functional.normalize(differences.double().mean(0), dim=0)
    n = len(unit)
    if n < 2:
        return float("nan"), float("nan")
    between = (float(unit.sum(0).square().sum()) - n) / (n * (n - 1))
    return float((unit @ mean).mean()), between


def stream_means(
    lm: LanguageModel, table: SiteTable, tokens: Tokens, layers: Sequence[int]
) -> dict[int, tuple[Tensor, float]]:
    """Return the mean `[units]` of the stream that enters blocks, and its mean norm, by layer.

    Both are over all tokens without padding and position 0.
    """
    sites = {layer: table.site(f"block.{layer}.in") for layer in layers}
    found = record(lm.model, sites.values(), lambda: lm.logits(tokens))
    counted = tokens.positions > 0
    return {
        layer: (found[site][counted].mean(0), float(found[site][counted].norm(dim=1).mean()))
        for layer, site in sites.items()
    }
