"""Options of gradient routing that would do nothing as the others are set; each is refused."""

from __future__ import annotations

from collections.abc import Iterator

from chisel.configs.schema import LabelsConfig, RoutingConfig, RunConfig
from chisel.configs.suggest import shown

_NEED_LABELS = ("gate_coef", "alone_coef", "values", "dropped_steps", "unlabelled_steps")
_NEED_REGIONS = ("l1", "alone_coef", "values", "freeze", "start", "ramp", "unprotected")
_NEED_ROUTES = ("start", "ramp")
_OF_LABELS = ("share", "recall", "precision", "correlation", "delay", "shuffled")


def inert_problems(config: RunConfig) -> Iterator[str]:
    """One line for every option of `routing` that has no effect."""
    routing, plain = config.routing, RoutingConfig()
    given = [k for k in vars(plain) if getattr(routing, k) != getattr(plain, k)]
    if not routing.regions:
        for key in (key for key in _NEED_REGIONS if key in given):
            yield _line(routing, key, "there are no regions; set routing.regions, or leave it out")
    if routing.labels.source is None:
        for key in (key for key in _NEED_LABELS if key in given):
            yield _line(routing, key, "there are no labels; set routing.labels.source")
        yield from _labels_without_source(routing.labels)
    if not (routing.rules or routing.unlabelled or routing.terms):
        for key in (key for key in _NEED_ROUTES if key in given):
            yield _line(routing, key, "nothing is routed; set routing.rules, or leave it out")
    for key in ("alone_coef", "values"):
        if key in given and not _keeps_out(routing):
            yield _line(routing, key, "no rule keeps a label out of a region (weight 0)")
    yield from _too_late(config)
    if routing.labels.share == 0:
        yield "routing.labels.share = 0: no label is ever known; leave out routing.labels.source"


def _line(routing: RoutingConfig, key: str, why: str) -> str:
    return f"routing.{key} = {shown(getattr(routing, key))} has no effect: {why}"


def _labels_without_source(labels: LabelsConfig) -> Iterator[str]:
    plain = LabelsConfig()
    for key in _OF_LABELS:
        value = getattr(labels, key)
        if value != getattr(plain, key):
            yield (
                f"routing.labels.{key} = {shown(value)} has no effect: there are no labels; set "
                "routing.labels.source"
            )


def _keeps_out(routing: RoutingConfig) -> bool:
    """Whether some label has weight 0 in some region."""
    return any(weight == 0 for row in routing.rules.values() for weight in row.values())


def _too_late(config: RunConfig) -> Iterator[str]:
    """What would begin after the run's last frame, or its rollout's last step."""
    routing = config.routing
    for key in ("start", "drop_start"):
        step = getattr(routing, key)
        if step and step >= config.frames:
            yield (
                f"routing.{key} = {step}: the run ends after frames = {config.frames}; set it lower"
            )
    num_steps = getattr(config.algo, "num_steps", None)
    if num_steps is not None and routing.labels.delay >= num_steps:
        yield (
            f"routing.labels.delay = {routing.labels.delay}: no label is known in time, a rollout "
            f"has algo.num_steps = {num_steps}; set it lower"
        )
