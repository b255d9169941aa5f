"""Continue a text with vectors added, and sites and regions set to zero, for `chisel generate`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch

from chisel import routing
from chisel.analysis.ablation import parse_modes, require_regions
from chisel.analysis.interventions import Edit, compose, intervene, zero
from chisel.analysis.language.opening import open_language_model
from chisel.analysis.language.sites import SiteTable, site_table
from chisel.analysis.language.vectors import add_at_tokens, require_fit
from chisel.analysis.results import Count, Seed, Share, Within
from chisel.analysis.steering import load_vector, parse_steer
from chisel.configs import ConfigError
from chisel.models.language import Sampling, generate
from chisel.routing import Site


@dataclass(frozen=True)
class Continued:
    """A model's continuation of a text."""

    text: str
    notes: Sequence[str]
    """Warnings for the reader, a line each."""


def continue_text(
    model: str,
    prompt: str,
    *,
    tokens: Count = 40,
    temperature: Annotated[float, Within(0)] = 0.0,
    top_p: Share = 1.0,
    frequency_penalty: float = 0.0,
    seed: Seed = 0,
    cache: bool = True,
    steer: str | None = None,
    ablate: str | None = None,
    first: bool = False,
) -> Continued:
    """Let a language model continue a text.

    Args:
        model: A language model; see `open_language_model`.
        prompt: Beginning of the text.
        tokens: Largest number of new tokens.
        temperature: Number by which logits are divided; 0 takes the likeliest token.
        top_p: Sampling takes the likeliest tokens whose probabilities add up to this.
        frequency_penalty: Amount subtracted from a token's logit each time it was generated.
        seed: Seed of the draws.
        cache: Whether keys and values of earlier tokens are kept.
        steer: Vectors that are added, `FILE:COEFF,…`.
        ablate: Sites and regions that are set to zero before vectors are added, such as
            `block.3.heads.1,block.5.mlp`; or `forget`, if the model was routed with this region;
            `forget:0.5` multiplies the region's units by a factor.
        first: Whether position 0 is steered, too.

    Raises:
        ConfigError: If an option does not fit the model.
        CheckpointError: If the model cannot be loaded, or a file holds no steering vector.
    """
    if first and steer is None:
        raise ConfigError("first=true: it is about steer=, and there is none")
    if temperature == 0 and (top_p != 1 or seed != 0):
        raise ConfigError("top_p and seed are for sampling: give temperature=1, for example")
    wanted = parse_steer(steer) if steer else []
    opened = open_language_model(model)
    lm = opened.lm
    table, notes = site_table(lm.model), []
    sites, modes = split_ablations(ablate, opened.regions)
    edits = ablations(table, sites)
    for file, coeff in wanted:
        vector = load_vector(file)
        require_fit(vector, lm, table, file)
        if vector.origin.get("sha256") != lm.digest:
            notes.append(f"{file} was made with other weights: {vector.origin.get('model')}")
        edits[vector.site] = compose(
            edits.get(vector.site, compose()), add_at_tokens(vector.vector, coeff, first=first)
        )
    with routing.ablate(lm.model, opened.regions, modes), intervene(lm.model, edits):
        (found,) = generate(
            lm,
            lm.tokens([prompt]),
            tokens,
            torch.Generator().manual_seed(seed),
            sampling=Sampling(temperature, top_p, frequency_penalty),
            cache=cache,
        )
    return Continued(lm.text(found), notes)


def split_ablations(
    ablate: str | None, regions: Mapping[str, routing.Region]
) -> tuple[list[str], dict[str, routing.Mode]]:
    """Split the option `ablate` into the names of sites, and regions with their modes.

    A name with a dot is a site, and any other that of a region.

    Args:
        ablate: Sites and `REGION[:FACTOR]`, separated by commas.
        regions: Regions that the model was routed with.

    Raises:
        ConfigError: If there is no such region, it is given twice, or its mode is no factor.
    """
    items = ablate.split(",") if ablate else []
    without_dot = [item for item in items if "." not in item.partition(":")[0]]
    if wrong := [item for item in without_dot if not regions and item not in ("embed", "final")]:
        raise ConfigError(
            f"ablate={wrong[0]}: this network has no regions; sites are block.N.attn, block.N.mlp "
            "and block.N.heads.H"
        )
    of_regions = without_dot if regions else []
    modes = parse_modes(",".join(of_regions)) if of_regions else {}
    require_regions(modes, regions)
    for name, mode in modes.items():
        if mode in ("mean", "resample"):
            raise ConfigError(
                f"ablate={name}:{mode}: one text has no mean and no other example; "
                f"set the region to zero (ablate={name}) or give a factor (ablate={name}:0.5)"
            )
    return [item for item in items if item not in of_regions], modes


def ablations(table: SiteTable, names: Iterable[str]) -> dict[Site, Edit]:
    """Return the edits that set sites to zero.

    Args:
        table: Sites of the model.
        names: Names of sites; `block.N.heads.H` is a single head.

    Raises:
        ConfigError: If there is no such site, or it is the whole stream.
    """
    edits: dict[Site, Edit] = {}
    for name in names:
        if name in ("embed", "final") or name.endswith((".in", ".out")):
            raise ConfigError(
                f"ablate={name}: it is the whole stream; ablate what is added to it: .attn, .mlp, "
                ".heads or .heads.H of a block"
            )
        site = table.site(name)
        edits[site] = compose(edits.get(site, compose()), zero(table.units(name)))
    return edits
