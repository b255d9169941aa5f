"""Checks of what an environment declares, made before its first step.

An environment that these checks refuse could not be trained or evaluated correctly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorWrapper
from numpy.typing import NDArray

from chisel.configs import one_line
from chisel.configs.errors import EnvironmentFault

ATTRIBUTES = ("num_envs", "single_observation_space", "single_action_space", "metadata")
FACTS = ("r", "l", "success")
"""Names of the facts that are reported of every episode: return, length and success."""
METHODS = ("reset", "step", "observe", "get_state", "set_state", "close")


def require(holds: Any, message: str) -> None:
    """Raise an `EnvironmentFault` unless something holds."""
    if not holds:
        raise EnvironmentFault(message)


def as_array(values: Any) -> Any:
    """Return a torch tensor as a numpy array, and anything else as it is.

    The array of a tensor on the CPU shares its memory.
    """
    return values.cpu().numpy() if is_tensor(values) else values


def is_tensor(value: Any) -> bool:
    """Return whether a value is a torch tensor; torch itself is not imported here."""
    return type(value).__module__ == "torch" and hasattr(value, "cpu")


def check_declarations(env: Any) -> None:
    """Refuse an environment that cannot be trained in, without stepping it.

    Args:
        env: Any object.

    Raises:
        EnvironmentFault: If it is no `StatefulVectorEnv` in SAME_STEP autoreset whose observations
            are images, vectors or tokens and whose actions are numbered from 0. The message says
            what would be right.
    """
    for name in ATTRIBUTES:
        require(hasattr(env, name), _missing(env, name))
    mode = env.metadata.get("autoreset_mode") if isinstance(env.metadata, dict) else None
    require(
        mode is AutoresetMode.SAME_STEP,
        f"metadata['autoreset_mode'] is {mode!r}: declare AutoresetMode.SAME_STEP and start the "
        "next episode inside the step that ends one",
    )
    shown, actions = env.single_observation_space, env.single_action_space
    tokens = isinstance(shown, spaces.MultiDiscrete) and len(shown.shape) == 1
    require(
        tokens or (isinstance(shown, spaces.Box) and len(shown.shape) in (1, 3)),
        "observations must be a Box of shape (H, W, C) or (D,), or a MultiDiscrete of shape (T,), "
        f"not {one_line(shown)}",
    )
    require(
        isinstance(actions, spaces.Discrete) and actions.start == 0,
        f"actions must be Discrete from 0, such as Discrete(4), not {one_line(actions)}",
    )
    count: object = env.num_envs
    require(
        isinstance(count, int) and count > 0, f"num_envs is {count!r}: it must be a positive int"
    )


def check_complete(env: Any, num_envs: int) -> None:
    """Refuse an environment that cannot be saved, or that has another number of copies.

    Args:
        env: An environment that passed `check_declarations`.
        num_envs: Number of copies that were asked for.

    Raises:
        EnvironmentFault: If a method of `StatefulVectorEnv` is missing, or `num_envs` is another.
    """
    for name in METHODS:
        require(hasattr(env, name), _missing(env, name))
    require(
        env.num_envs == num_envs,
        f"the environment was made with {env.num_envs} copies where {num_envs} were asked for: "
        "pass num_envs on",
    )


def check_infos(infos: dict[str, Any]) -> None:
    """Check that the infos of a step say which episodes ended, and how.

    Raises:
        EnvironmentFault: If a key is missing.
    """
    for name in ("episode", "final_obs"):
        require(
            (name in infos) == (f"_{name}" in infos),
            f"infos['{name}'] and infos['_{name}'] go together: give both or none",
        )
    ended = "episode" in infos and as_array(infos["_episode"]).any()
    for name in FACTS if ended else ():
        require(name in infos["episode"], f"infos['episode'] has no {name!r}: add it")


def check_observations(env: Any, observations: Any, source: str) -> None:
    """Check observations of all copies against the space.

    Args:
        env: An environment that passed `check_declarations`.
        observations: Value that the environment returned.
        source: Name of the method that returned it.

    Raises:
        EnvironmentFault: If the observations are neither an array nor a tensor of the space's
            shape, type and bounds.
    """
    require(
        isinstance(observations, np.ndarray) or is_tensor(observations),
        f"{source} returned observations of {type(observations)}: return one numpy array, or one "
        "torch tensor",
    )
    observations = as_array(observations)
    shape = (env.num_envs, *env.single_observation_space.shape)
    require(
        observations.shape == shape,
        f"{source} returned observations of shape {observations.shape}, the space says {shape}",
    )
    check_bounds(env.single_observation_space, observations, source)


def bounds_of(space: spaces.Space[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the least and the largest observation of a `Box` or a `MultiDiscrete`."""
    if isinstance(space, spaces.MultiDiscrete):
        return space.start, space.start + space.nvec - 1
    assert isinstance(space, spaces.Box)  # `check_declarations` takes nothing else
    return space.low, space.high


def check_bounds(space: spaces.Space[Any], observations: NDArray[Any], source: str) -> None:
    """Check type and bounds of observations.

    Args:
        space: A `Box` or a `MultiDiscrete`.
        observations: Observations of all copies `[N, ...]`.
        source: Name of the method that returned them.

    Raises:
        EnvironmentFault: If type or bounds are not the space's.
    """
    require(
        observations.dtype == space.dtype,
        f"{source} returned {observations.dtype} observations, the space says {space.dtype}",
    )
    low, high = bounds_of(space)
    within = (observations >= low) & (observations <= high)
    require(
        within.all(),
        f"{source} returned observations outside the space's bounds "
        f"[{low.min()}, {high.max()}]: widen the bounds or mend the observations",
    )


def _missing(env: Any, name: str) -> str:
    kind = type(env).__name__
    if isinstance(env, VectorWrapper):
        return f"{kind} hides the environment's `{name}`: give the environment without that wrapper"
    if name == ATTRIBUTES[0]:
        return (
            f"{kind} has no `{name}`: give a vector environment, see envs.StatefulVectorEnv, or "
            "copies of a single one, see envs.SingleEnvs"
        )
    return f"the environment has no `{name}`: add it, see envs.StatefulVectorEnv"
