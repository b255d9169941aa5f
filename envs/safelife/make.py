"""Make SafeLife environments from their options."""

from __future__ import annotations

from dataclasses import astuple
from functools import partial

from chisel.configs.schema import RampConfig, SafeLifeConfig
from chisel.envs.safelife.generation import EndlessLevels, level_set, task_named
from chisel.envs.safelife.levels import LevelCycle, LevelSource, read_levels
from chisel.envs.safelife.shaping import Schedule, Shaping, ramp
from chisel.envs.safelife.streams import counter_stream, pcg64_stream
from chisel.envs.safelife.world import SafeLifeVectorEnv
from chisel.envs.vector import with_num_envs

_STREAMS = {"pcg64": pcg64_stream, "counter": counter_stream}


def make_safelife(
    config: SafeLifeConfig, *, seed: int, num_envs: int | None = None
) -> SafeLifeVectorEnv:
    """Make the environment of a config.

    Args:
        config: Task, rules, view, levels, and additions to the reward.
        seed: Seed of everything random.
        num_envs: Number of games; None takes `config.num_envs`.

    Raises:
        ConfigError: If an option is impossible, or there are no levels.
    """
    sized = with_num_envs(config, num_envs)
    return make_from_levels(config, level_source(sized), seed=seed, num_envs=num_envs)


def make_from_levels(
    config: SafeLifeConfig, source: LevelSource, *, seed: int, num_envs: int | None = None
) -> SafeLifeVectorEnv:
    """Make an environment that plays given levels.

    Args:
        config: Options of the environment; those of levels have no effect.
        source: Source of the levels.
        seed: Seed of everything random.
        num_envs: Number of games; None takes `config.num_envs`.

    Raises:
        ConfigError: If an option is impossible.
    """
    num = with_num_envs(config, num_envs).num_envs
    shaping = Shaping(
        num,
        movement_bonus=config.movement_bonus,
        exit_bonus=config.exit_bonus,
        penalty=_penalty(config.side_effect_penalty),
    )
    return SafeLifeVectorEnv(
        source,
        num,
        seed=seed,
        rules=config.rules,
        packed=config.view == "packed",
        time_limit=config.time_limit,
        stream=_STREAMS[config.draws],
        min_performance=partial(ramp, *astuple(config.min_performance)),
        shaping=shaping,
        frames_per_step=config.num_envs,  # those of all processes
        num_threads=config.num_threads,
        disturbs=config.disturbs,
    )


def _penalty(config: RampConfig) -> Schedule | None:
    return partial(ramp, *astuple(config)) if config.start or config.end else None


def level_source(config: SafeLifeConfig) -> LevelSource:
    """Return the source of the levels of a config.

    Raises:
        ConfigError: If its folder holds no levels, or damaged ones.
    """
    if config.levels is not None:
        return LevelCycle(read_levels(config.levels))
    task, split = task_named(config.task, exit=config.exit), config.split
    if config.num_levels is None:
        return EndlessLevels(task, split=split, ahead=config.num_envs)
    return LevelCycle(level_set(task, config.num_levels, seed=config.level_seed, split=split))
