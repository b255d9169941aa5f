"""Environments by name."""

from __future__ import annotations

from typing import Any

from chisel.configs import registry
from chisel.envs.base import StatefulVectorEnv
from chisel.envs.declarations import check_complete, check_declarations


def make(config: Any, *, seed: int, num_envs: int | None = None) -> StatefulVectorEnv:
    """The environment that `config.name` is registered for.

    Args:
        config: An environment config, for example `chisel.configs.schema.MazeConfig`.
        seed: Seed of everything random in the environment.
        num_envs: Copies side by side; None takes `config.num_envs`.

    Raises:
        ConfigError: If the name is unknown or options do not go together.
        EnvironmentFault: If the environment's extra is not installed, or it cannot be trained in.
    """
    maker = registry.resolve("env", config.name)
    env: StatefulVectorEnv = maker(config, seed=seed, num_envs=num_envs)
    check_declarations(env)
    check_complete(env, config.num_envs if num_envs is None else num_envs)
    return env
