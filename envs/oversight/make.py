"""From a config to diamond and ghost."""

from __future__ import annotations

from chisel.configs.errors import ConfigError
from chisel.configs.schema import OversightConfig
from chisel.envs.oversight.vector import OversightVectorEnv, Rewards

REWARDS = {
    "routed": Rewards(ghost=1.0, overseen_ghost=1.0),
    "naive": Rewards(ghost=1.0, overseen_ghost=-1.0),
    "oracle": Rewards(ghost=-1.0, overseen_ghost=-1.0),
}
"""By the name of `OversightConfig.reward`."""


def make_oversight(
    config: OversightConfig, *, seed: int, num_envs: int | None = None
) -> OversightVectorEnv:
    """The environment of a config.

    Args:
        config: Reward, oversight, time limit.
        seed: Seed of everything random.
        num_envs: Boards side by side; None takes `config.num_envs`.

    Raises:
        ConfigError: If an option is impossible. The command line has said so earlier; this is for
            configs made in Python.
    """
    num_envs = config.num_envs if num_envs is None else num_envs
    rules = [
        (num_envs >= 1, f"env.num_envs = {num_envs}: at least 1"),
        (config.reward in REWARDS, f"env.reward = {config.reward!r}: one of {', '.join(REWARDS)}"),
        (0 <= config.oversight <= 1, f"env.oversight = {config.oversight}: from 0 to 1"),
        (config.max_steps >= 1, f"env.max_steps = {config.max_steps}: at least 1"),
    ]
    for holds, message in rules:
        if not holds:
            raise ConfigError(message)
    return OversightVectorEnv(
        num_envs,
        rewards=REWARDS[config.reward],
        oversight=config.oversight,
        max_steps=config.max_steps,
        faithful=config.faithful,
        seed=seed,
    )
