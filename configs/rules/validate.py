"""Check what types cannot express: ranges of options, and rules between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chisel.configs.errors import ConfigError
from chisel.configs.parsing.hints import choices, group_of, hints_of
from chisel.configs.parsing.nesting import option
from chisel.configs.rules.aup import aup_problems
from chisel.configs.rules.corpora import corpus_problems, source_problems
from chisel.configs.rules.inert import inert_problems, iteration_size
from chisel.configs.rules.maze import maze_problems
from chisel.configs.rules.ranges import check_ranges
from chisel.configs.rules.routing import routing_problems
from chisel.configs.schema import (
    STUDIES_WHILE_TRAINING,
    AutoencoderNetConfig,
    CnnConfig,
    CnnExpertsConfig,
    ExpertsConfig,
    GptConfig,
    GridExpertsConfig,
    ImpalaConfig,
    LanguageConfig,
    MazeConfig,
    PPOConfig,
    RampConfig,
    ReinforceConfig,
    RunConfig,
    SafeLifeConfig,
)
from chisel.configs.suggest import hint, shown

_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]{0,99}")
_EXPERIMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def validate(config: RunConfig) -> None:
    """Check a typed config.

    Raises:
        ConfigError: For the first rule that is broken; the message is one line with the full key.
    """
    for problem in source_problems(config):
        raise ConfigError(problem)
    check_ranges(config)
    for problem in _problems(config):
        raise ConfigError(problem)


def check_env(env: Any) -> None:
    """Check only an environment's options, for a config that was made in Python.

    Raises:
        ConfigError: For the first rule that is broken; the message is one line with the full key.
    """
    check_ranges(env, "env.")
    for problem in _unknown_words(env, "env."):
        raise ConfigError(problem)
    for problem in _OF_COMPONENTS.get(type(env), lambda _: iter(()))(env):
        raise ConfigError(problem)


def _unknown_words(config: Any, prefix: str) -> Iterator[str]:
    """Yield a line for every value that its `Literal` does not allow; `load` checks them itself."""
    schema: type = type(config)
    for name, kind in hints_of(schema).items():
        value, known = getattr(config, name), choices(kind)
        if group_of(kind):
            yield from _unknown_words(value, f"{prefix}{name}.")
        elif known and value not in known:
            yield f"{prefix}{name} = {shown(value)}: {hint(str(value), known)}"


def _problems(config: RunConfig) -> Iterator[str]:
    yield from _names(config)
    for part in (config.env, config.corpus, config.model):
        if type(part) in _OF_COMPONENTS:
            yield from _OF_COMPONENTS[type(part)](part)
    if isinstance(config.algo, PPOConfig | ReinforceConfig):
        yield from _iteration(config, config.algo.num_steps)
    if isinstance(config.algo, PPOConfig):
        yield from _minibatches(config, config.algo)
    if isinstance(config.algo, LanguageConfig):
        yield from _language(config, config.algo)
    yield from aup_problems(config)
    yield from _checkpoints(config)
    yield from _studies(config)
    yield from corpus_problems(config)
    yield from routing_problems(config)
    yield from inert_problems(config)


def _names(config: RunConfig) -> Iterator[str]:
    if config.name is not None and not _FOLDER.fullmatch(config.name):
        yield (
            f"name = {config.name!r}: names the run's folder, so it must be up to 100 letters, "
            "digits and . _ = + - and begin with a letter or digit"
        )
    if not _EXPERIMENT.fullmatch(config.experiment):
        yield (
            f"experiment = {config.experiment!r}: names a folder; use only letters, digits and "
            ". _ - in the file's name"
        )
    for key in (
        "runs_dir",
        "init_from",
        *(f"tracking.{k}" for k in ("project", "entity", "group")),
    ):
        text = option(config, key)
        if text is not None and not text.strip():
            yield f"{key} is empty"


def _safelife(env: SafeLifeConfig) -> Iterator[str]:
    if env.level_seed and (env.levels is not None or env.num_levels is None):
        yield (
            f"env.level_seed = {env.level_seed} has no effect: it chooses the env.num_levels "
            "levels that are generated; leave it out"
        )
    if env.side_effect_penalty.start < 0 or env.side_effect_penalty.end < 0:
        yield "env.side_effect_penalty is below 0: it would reward side effects"
    if env.task == "ways" and env.min_performance != SafeLifeConfig().min_performance:
        yield (
            "env.min_performance has no effect: levels of env.task=ways have no goals, so their "
            "exit is always open; extend safelife/impact-ppo, which leaves it out"
        )
    for key in ("min_performance", "side_effect_penalty"):
        ramp: RampConfig = getattr(env, key)
        if ramp.start != ramp.end and ramp.end_frame <= ramp.start_frame:
            yield (
                f"env.{key} changes from {ramp.start:g} to {ramp.end:g}: set env.{key}.end_frame "
                f"above its start_frame = {ramp.start_frame}, or start and end equal"
            )
        if ramp.start == ramp.end and (ramp.start_frame or ramp.end_frame):
            yield f"env.{key} never changes: leave start_frame and end_frame out"


def _three(model: ImpalaConfig | CnnConfig | CnnExpertsConfig) -> Iterator[str]:
    if len(model.channels) != 3:
        parts = "blocks" if isinstance(model, ImpalaConfig) else "convolutions"
        yield (
            f"model.channels = {list(model.channels)}: needs one number for each of the 3 {parts}, "
            "like [16, 32, 32]"
        )


def _experts(model: ExpertsConfig | GridExpertsConfig | CnnExpertsConfig) -> Iterator[str]:
    if len(set(model.experts)) < max(2, len(model.experts)):
        yield f"model.experts = {list(model.experts)}: needs two different names or more"
    for name in model.experts:
        if not name.isidentifier():
            yield f"model.experts: {name!r} names a module, so it has letters, digits and _ only"
    for key in ("channels", "gate_channels"):
        if getattr(model, key, None) == ():
            yield f"model.{key} is empty; it needs a number for each block, like [8, 16, 16]"


def _cnn_experts(model: CnnExpertsConfig) -> Iterator[str]:
    yield from _experts(model)
    yield from _three(model)


def _autoencoder(model: AutoencoderNetConfig) -> Iterator[str]:
    if not model.hidden:
        yield "model.hidden is empty; it needs a number for each layer, like [256, 128]"
    if model.code % 2:
        yield f"model.code = {model.code}: must be even to have two halves, so {model.code + 1}?"


def _gpt(model: GptConfig) -> Iterator[str]:
    if model.width % model.heads:
        yield (
            f"model.width = {model.width}: must be a multiple of model.heads = {model.heads}, so "
            f"{_round_up(model.width, model.heads)}?"
        )


_OF_COMPONENTS: Mapping[type, Callable[[Any], Iterator[str]]] = {
    MazeConfig: maze_problems,
    SafeLifeConfig: _safelife,
    CnnConfig: _three,
    CnnExpertsConfig: _cnn_experts,
    ImpalaConfig: _three,
    ExpertsConfig: _experts,
    GridExpertsConfig: _experts,
    AutoencoderNetConfig: _autoencoder,
    GptConfig: _gpt,
}
"""Rules by the schema of the environment, corpus or network."""


def _iteration(config: RunConfig, num_steps: int) -> Iterator[str]:
    envs: int = config.env.num_envs
    ranks = config.trainer.processes
    if envs % ranks:
        yield (
            f"env.num_envs = {envs}: must divide evenly over {ranks} processes "
            f"(trainer.devices × trainer.num_nodes), so {_round_up(envs, ranks)}?"
        )
    iteration = envs * num_steps
    if config.frames < iteration:
        yield (
            f"frames = {config.frames}: less than one iteration of {iteration} "
            f"(env.num_envs × algo.num_steps); set frames={iteration} or more"
        )


def _language(config: RunConfig, algo: LanguageConfig) -> Iterator[str]:
    if config.frames < algo.iteration_size:
        yield (
            f"frames = {config.frames}: less than one iteration of algo.iteration_size = "
            f"{algo.iteration_size} sequences; set frames={algo.iteration_size} or more"
        )
    if algo.label_tokens != "all" and not config.routing.regions:
        yield f"algo.label_tokens = {algo.label_tokens} has no effect: nothing is routed"
    if (algo.label_tokens == "words") != bool(algo.label_words):
        yield f"algo.label_words = {algo.label_words}: set it with algo.label_tokens=words only"
    if algo.leave_out is not None and config.routing.labels.source is None:
        yield f"algo.leave_out = {algo.leave_out} needs labels; set routing.labels.source"


def _minibatches(config: RunConfig, algo: PPOConfig) -> Iterator[str]:
    ranks = config.trainer.processes
    batch = config.env.num_envs // ranks * algo.num_steps
    if batch % algo.num_minibatches:
        yield (
            f"algo.num_minibatches = {algo.num_minibatches}: must divide the batch of {batch} "
            f"samples of each process, so {_divisor_near(batch, algo.num_minibatches)}?"
        )
    yield from _normalised(algo, batch, ranks)


def _normalised(algo: PPOConfig, batch: int, ranks: int) -> Iterator[str]:
    """Refuse to normalise single advantages; several processes normalise theirs together."""
    if ranks > 1:
        return
    if batch == 1 and algo.norm_adv != "none":
        yield (
            f"algo.norm_adv = {algo.norm_adv}: a batch of one sample (env.num_envs × "
            "algo.num_steps) cannot be normalised; set algo.norm_adv=none or a larger "
            "algo.num_steps"
        )
    elif batch == algo.num_minibatches and algo.norm_adv == "minibatch":
        fewer = _divisor_near(batch, batch - 1)
        yield (
            f"algo.num_minibatches = {algo.num_minibatches}: minibatches of one sample cannot be "
            f"normalised; set algo.num_minibatches={fewer} or algo.norm_adv=batch"
        )


def _checkpoints(config: RunConfig) -> Iterator[str]:
    every, keep = config.trainer.checkpoint_every, config.trainer.keep_every
    if keep is not None and keep % every:
        yield (
            f"trainer.keep_every = {keep}: must be a multiple of trainer.checkpoint_every = "
            f"{every}, so {_round_up(keep, every)}?"
        )


def _studies(config: RunConfig) -> Iterator[str]:
    given, every = config.tracking.studies, config.tracking.studies_every
    for name in given:
        if name not in STUDIES_WHILE_TRAINING:
            yield f"tracking.studies: no {name!r}; {hint(name, STUDIES_WHILE_TRAINING)}"
    if given and every is None:
        yield "tracking.studies needs tracking.studies_every, a number of iterations like 50"
    if every is not None and not given:
        yield (
            f"tracking.studies_every = {every} has no effect without tracking.studies, like "
            "tracking.studies=[success]"
        )
    if given and config.env is not None and not isinstance(config.env, MazeConfig):
        yield f"tracking.studies measures maze agents, not {config.env.name!r}; leave it out"


def rounded_frames(frames: int, iteration: int) -> str | None:
    """Return a line that says how many frames are trained; None if they are exactly `frames`.

    Args:
        frames: Environment steps (or examples) asked for, at least one iteration.
        iteration: Environment steps (or examples) per iteration.
    """
    whole = max(1, frames // iteration) * iteration
    if whole == frames:
        return None
    return (
        f"frames = {frames:,}: trains {whole:,}, which is as many whole iterations of "
        f"{iteration:,} as fit"
    )


def frames_note(config: RunConfig) -> str | None:
    """Return `rounded_frames` of a config; None also if the corpus decides an iteration's size."""
    size = iteration_size(config)
    return None if size is None else rounded_frames(config.frames, size)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _divisor_near(number: int, wanted: int) -> int:
    """Return the largest divisor of `number` that is at most `wanted`."""
    return next(d for d in range(min(wanted, number), 0, -1) if number % d == 0)
