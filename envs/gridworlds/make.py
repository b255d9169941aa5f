"""From a config to a gridworld."""

from __future__ import annotations

from chisel.configs.errors import ConfigError
from chisel.configs.schema import GridworldConfig
from chisel.envs.gridworlds.vector import GridworldVectorEnv
from chisel.envs.gridworlds.worlds import find_world


def make_gridworld(
    config: GridworldConfig, *, seed: int, num_envs: int | None = None
) -> GridworldVectorEnv:
    """The environment of a config.

    Args:
        config: World and time limit.
        seed: Interventions nothing, as these worlds are without chance.
        num_envs: Copies side by side; None takes `config.num_envs`.

    Raises:
        ConfigError: If an option is impossible. The command line has said so earlier; this is for
            configs made in Python.
    """
    num_envs = config.num_envs if num_envs is None else num_envs
    if num_envs < 1:
        raise ConfigError(f"env.num_envs = {num_envs}: at least 1")
    if config.max_steps is not None and config.max_steps < 1:
        raise ConfigError(f"env.max_steps = {config.max_steps}: at least 1, or null")
    return GridworldVectorEnv(find_world(config.world), num_envs, max_steps=config.max_steps)
