"""Continue a text with vectors added and regions switched off, for `chisel generate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from chisel.analysis.interventions import Edit, compose, intervene, zero
from chisel.analysis.language.sites import SiteTable, site_table
from chisel.analysis.language.vectors import add_at_tokens, require_fit
from chisel.analysis.steering import load_vector, parse_steer
from chisel.configs import ConfigError
from chisel.models.language import LanguageModel, Sampling, generate
from chisel.routing import Site


@dataclass(frozen=True)
class Continued:
    """A text, and what a model goes on with."""

    prompt: str
    text: str
    notes: Sequence[str]
    """What the reader should know, a line each."""


def continue_text(
    lm: LanguageModel,
    prompt: str,
    *,
    tokens: int,
    sampling: Sampling,
    seed: int,
    cache: bool = True,
    steer: str | None = None,
    ablate: str | None = None,
    first: bool = False,
) -> Continued:
    """Continue a text.

    Args:
        lm: The model.
        prompt: How the text begins.
        tokens: Largest number of new tokens.
        sampling: How tokens are chosen.
        seed: Seed of the draws.
        cache: Whether keys and values are kept.
        steer: Vectors that are added, `FILE:COEFF,…`.
        ablate: Sites that are set to zero, such as `block.3.heads.1,block.5.mlp`. First they are
            ablated, then vectors are added.
        first: Whether position 0 is steered, too.

    Raises:
        ConfigError: An option does not fit the model.
        CheckpointError: A file holds no steering vector.
    """
    table, notes = site_table(lm.model), []
    edits = ablations(table, ablate)
    for file, coeff in parse_steer(steer) if steer else []:
        vector = load_vector(file)
        require_fit(vector, lm, table, file)
        if vector.origin.get("sha256") != lm.digest:
            notes.append(f"{file} was made with other weights: {vector.origin.get('model')}")
        edits[vector.site] = compose(
            edits.get(vector.site, compose()), add_at_tokens(vector.vector, coeff, first=first)
        )
    with intervene(lm.model, edits):
        (found,) = generate(
            lm,
            lm.tokens([prompt]),
            tokens,
            torch.Generator().manual_seed(seed),
            sampling=sampling,
            cache=cache,
        )
    return Continued(prompt, lm.text(found), notes)


def ablations(table: SiteTable, names: str | None) -> dict[Site, Edit]:
    """Return the edits that set sites to zero.

    Args:
        table: Sites of the model.
        names: Names of sites with commas between; of `block.N.heads.H` the units of one head.

    Raises:
        ConfigError: There is no such site, or it would leave nothing of the text.
    """
    edits: dict[Site, Edit] = {}
    for name in names.split(",") if names else []:
        if name in ("embed", "final") or name.endswith((".in", ".out")):
            raise ConfigError(
                f"ablate={name}: it is the whole stream; ablate what is added to it: .attn, .mlp, "
                ".heads or .heads.H of a block"
            )
        site = table.site(name)
        edits[site] = compose(edits.get(site, compose()), zero(table.units(name)))
    return edits


