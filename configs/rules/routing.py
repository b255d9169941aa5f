"""Rules for options of gradient routing.

Whether regions fit the network is checked when the network is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chisel.configs.registry import names
from chisel.configs.schema import RoutingConfig, RunConfig, SafeLifeConfig
from chisel.configs.suggest import hint

TERMS = ("policy", "value", "entropy")
"""Loss terms that may have their own rules."""

_PART = ("module", "at", "units", "axis", "element", "consumers")
_AT = ("output", "input", "parameters")
_OF_TWINS = ("disturbing-step", "disturbing-way")
"""Labels that compare each step with doing nothing."""


def routing_problems(config: RunConfig) -> Iterator[str]:
    """Yield one line for every broken rule about `routing.*`."""
    routing = config.routing
    yield from _regions(routing.regions)
    yield from _named(routing)
    if routing.terms and (routing.values == "routed" or routing.alone_coef):
        other = "alone_coef" if routing.alone_coef else "values = routed"
        yield f"routing.terms cannot be combined with routing.{other}; leave one out"
    if config.env is not None and sum(routing.drop.values()) > 1:
        yield "routing.drop: an environment drops at most one region, so shares add up to at most 1"
    for name in routing.unprotected:
        if name not in routing.regions:
            yield f"routing.unprotected: no region {name!r}; {hint(name, routing.regions)}"
    yield from _labels(config)


def _regions(regions: Mapping[str, Any]) -> Iterator[str]:
    for name, parts in regions.items():
        key = f"routing.regions.{name}"
        if not isinstance(parts, list) or not parts:
            yield f"{key}: needs a list of parts, like [{{module: embedder.fc, units: '0:64'}}]"
            continue
        for part in parts:
            yield from _part(key, part)


def _part(key: str, part: Any) -> Iterator[str]:
    if not isinstance(part, Mapping) or not isinstance(part.get("module"), str):
        yield f"{key}: every part needs module: NAME, like {{module: embedder.fc}}"
        return
    for option in part:
        if option not in _PART:
            yield f"{key}: a part has no option {option!r}; {hint(str(option), _PART)}"
    at = part.get("at", "output")
    if at not in _AT:
        yield f"{key}: at = {at!r}; {hint(str(at), _AT)}"
    if at == "parameters" and part.get("element") is not None:
        yield f"{key}: element selects from a tuple of activations; leave it out for parameters"


def _named(routing: RoutingConfig) -> Iterator[str]:
    tables = {f"routing.rules.{label}": row for label, row in routing.rules.items()}
    tables["routing.unlabelled"] = routing.unlabelled
    tables["routing.drop"] = routing.drop
    for term, rules in routing.terms.items():
        if term not in TERMS:
            yield f"routing.terms: no loss term {term!r}; {hint(term, TERMS)}"
        for label, row in rules.items():
            tables[f"routing.terms.{term}.{label}"] = row
    for key, row in tables.items():
        for region in row:
            if region not in routing.regions:
                yield f"{key}: no region {region!r}; {hint(region, routing.regions)}"


def _labels(config: RunConfig) -> Iterator[str]:
    routing, source = config.routing, config.routing.labels.source
    if source is not None and source not in names("label"):
        yield f"routing.labels.source = {source!r}: {hint(source, names('label'))}"
    env = config.env
    if isinstance(env, SafeLifeConfig) and source in _OF_TWINS and not env.disturbs:
        yield (
            f"routing.labels.source = {source}: SafeLife finds out which steps disturb only if "
            "asked; set env.disturbs=true"
        )
    if source is None and config.env is not None:
        wanting = [key for key in ("regions", "rules", "terms") if getattr(routing, key)]
        if wanting or routing.unlabelled_steps != "train":
            what = wanting[0] if wanting else "unlabelled_steps"
            yield (
                f"routing.{what} needs labels; set routing.labels.source, one of "
                f"{', '.join(names('label'))}"
            )
