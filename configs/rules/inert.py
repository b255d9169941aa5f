"""Refuse options that have no effect, given the values of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chisel.configs.errors import ConfigError
from chisel.configs.parsing.nesting import flatten, option
from chisel.configs.registry import get
from chisel.configs.schema import LanguageConfig, RunConfig
from chisel.configs.suggest import shown

_NEEDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "environment": (
        " with a corpus; leave it out",
        (
            "env_seed",
            "eval.levels",
            "eval.seed",
            "eval.num_envs",
            "eval.greedy",
            "tracking.video_every",
            "tracking.field_every",
            "tracking.studies",
            "tracking.studies_every",
            "tracking.studies_levels",
            "routing.terms",
            "routing.unlabelled_steps",
            "routing.penalties",
            "routing.gate_coef",
            "routing.alone_coef",
            "routing.values",
            "routing.dropped_steps",
            "routing.drop_start",
            "routing.labels.correlation",
            "routing.labels.delay",
        ),
    ),
    "words or a world": (
        " with a corpus of pictures; leave it out",
        ("routing.l1", "routing.drop"),
    ),
    "regions": (
        ": there are no regions; set routing.regions, or leave it out",
        (
            "routing.l1",
            "routing.alone_coef",
            "routing.values",
            "routing.freeze",
            "routing.unprotected",
        ),
    ),
    "labels": (
        ": there are no labels; set routing.labels.source",
        (
            "routing.gate_coef",
            "routing.alone_coef",
            "routing.values",
            "routing.dropped_steps",
            "routing.unlabelled_steps",
            "routing.penalties",
            "routing.labels.share",
            "routing.labels.recall",
            "routing.labels.precision",
            "routing.labels.correlation",
            "routing.labels.delay",
            "routing.labels.shuffled",
        ),
    ),
    "routes or penalties": (
        ": nothing is routed or penalised; set routing.rules or routing.penalties, or leave it out",
        ("routing.start", "routing.ramp"),
    ),
    "a use of labels": (
        ": nothing is routed or left out; set routing.rules, or leave it out",
        (
            "routing.labels.share",
            "routing.labels.recall",
            "routing.labels.precision",
            "routing.labels.shuffled",
        ),
    ),
    "weight 0": (
        ": no rule keeps a label out of a region (weight 0)",
        ("routing.alone_coef", "routing.values"),
    ),
    "dropping": (
        ": nothing is dropped; set routing.drop.REGION too",
        ("routing.dropped_steps", "routing.drop_start"),
    ),
}
"""Options by what they need to have an effect, each group with the end of its message."""

_PIXELS = ("env.observation", ("pixels",))
_GENERATED = ("env.levels", (None,))
_NORMALISED = ("algo.norm_reward", (True,))
_TRACKED = ("tracking.mode", ("offline", "online"))
_NEED_A_VALUE: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "env.region": ("env.cheese", ("region",)),
    "env.assets": _PIXELS,
    "env.task": _GENERATED,
    "env.num_levels": _GENERATED,
    "env.split": _GENERATED,
    "env.exit": _GENERATED,
    "env.use_backgrounds": _PIXELS,
    "env.use_monochrome_assets": _PIXELS,
    "env.restrict_themes": _PIXELS,
    "env.use_generated_assets": _PIXELS,
    "algo.norm_reward_gamma": _NORMALISED,
    "algo.reward_clip": _NORMALISED,
    "tracking.project": _TRACKED,
    "tracking.entity": _TRACKED,
    "tracking.group": _TRACKED,
    "tracking.tags": _TRACKED,
    "tracking.log_artifacts": _TRACKED,
}
"""For each option: another option, and the values of that one with which the first has effect."""

_LEARNT = ("algo.placebo", ("none", "shuffled"))
_ENCODED = ("algo.aux.reward", ("cb-vae",))
_DQN = ("algo.faithful", (False,))
_OF_DEEP_AUP: tuple[tuple[str, tuple[str, tuple[Any, ...]]], ...] = tuple(
    (f"algo.aux.{name}", needed)
    for needed, names in (
        (_ENCODED, "latent epochs encoder_batch_size encoder_learning_rate"),
        (_DQN, "epsilon replay updates batch_size target_every"),
        (
            _LEARNT,
            "reward latent encoder_batch_size encoder_learning_rate epsilon replay updates "
            "batch_size learning_rate target_every gate gate_fails",
        ),
    )
    for name in names.split()
)
"""Pairs like those of `_NEED_A_VALUE`; an option of deep AUP may need several others."""


def inert_problems(config: RunConfig) -> Iterator[str]:
    """Yield one line for every option that differs from its default and has no effect."""
    routing, plain = config.routing, RunConfig()
    weights = [weight for row in routing.rules.values() for weight in row.values()]
    has = {"environment": config.corpus is None, "dropping": bool(routing.drop)}
    has["words or a world"] = get("algo", config.algo.name).learns_from != "examples"
    has["regions"] = bool(routing.regions)
    has["routes or penalties"] = any(
        (routing.rules, routing.unlabelled, routing.terms, routing.penalties)
    )
    if config.env is not None:
        has["labels"] = routing.labels.source is not None
        has["weight 0"] = 0 in weights
        yield from _never_known(config)
    else:
        leaves_out = getattr(config.algo, "leave_out", None) is not None
        has["a use of labels"] = has["regions"] or leaves_out
    yield from _too_late(config)
    for need in (need for need, there in has.items() if not there):
        why, keys = _NEEDS[need]
        for key in keys:
            value = option(config, key)
            if value != option(plain, key):
                yield f"{key} = {shown(value)} has no effect{why}"


def refuse_unused(config: RunConfig, file: Mapping[str, Any], over: Mapping[str, Any]) -> None:
    """Refuse settings that the user wrote and that another option makes ineffective.

    An override may turn a feature off although the file sets details of it.

    Args:
        config: The config with these settings.
        file: Nested settings of the experiment's own file.
        over: Nested settings of the overrides.

    Raises:
        ConfigError: For the first such setting.
    """
    in_file, in_over = flatten(file), flatten(over)
    for key, (other, values) in (*_NEED_A_VALUE.items(), *_OF_DEEP_AUP):
        value, actual = in_over.get(key), option(config, other)
        if value is None and in_over.get(other) is None:
            value = in_file.get(key)
        if value is None or actual is None or actual in values:
            continue
        wanted = " or ".join("null" if one is None else str(one).lower() for one in values)
        raise ConfigError(
            f"{key} = {shown(value)} has no effect with {other} = {str(actual).lower()}; "
            f"set {other}={wanted} or leave {key} out"
        )


def iteration_size(config: RunConfig) -> int | None:
    """Return the environment steps or sequences of an iteration; None if the corpus decides it."""
    if isinstance(config.algo, LanguageConfig):
        return config.algo.iteration_size
    steps = getattr(config.algo, "num_steps", None)
    return None if config.env is None or steps is None else int(steps * config.env.num_envs)


def _too_late(config: RunConfig) -> Iterator[str]:
    """Yield a line for every option that would take effect after the last iteration begins."""
    size = iteration_size(config) or 1  # a corpus's size isn't known yet
    last = (config.frames // size - 1) * size
    routing = config.routing
    steps = {"routing.start": routing.start, "routing.drop_start": routing.drop_start}
    if routing.ramp:
        steps["routing.start + routing.ramp"] = routing.start + routing.ramp
    for key, step in steps.items():
        if step > max(last, 0):
            yield (
                f"{key} = {step}: the last iteration of frames = {config.frames} begins at {last}; "
                "set it lower"
            )


def _never_known(config: RunConfig) -> Iterator[str]:
    """Yield a line for every setting with which no label is ever known."""
    labels, num_steps = config.routing.labels, getattr(config.algo, "num_steps", None)
    if num_steps is not None and labels.delay >= num_steps:
        yield (
            f"routing.labels.delay = {labels.delay}: no label is known within its rollout, which "
            f"has algo.num_steps = {num_steps}; set it lower"
        )
    if labels.share == 0:
        yield "routing.labels.share = 0: no label is ever known; leave out routing.labels.source"
