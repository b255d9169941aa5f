"""Check that a vector environment keeps the contract of `StatefulVectorEnv`.

Run `check_vector_env` on an environment of your own before you train in it: each fault that it
names would otherwise show up only as a wrong learning curve.
"""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from chisel.configs.errors import EnvironmentFault
from chisel.envs.base import StatefulVectorEnv
from chisel.envs.declarations import (
    as_array,
    check_bounds,
    check_complete,
    check_declarations,
    check_infos,
    check_observations,
    is_tensor,
    require,
)

Make = Callable[[int], StatefulVectorEnv]

RARE = 1e-3
"""Probability below which it is no coincidence that all last observations equal the first ones of
the next episodes. They then count as first ones."""


@dataclass(frozen=True)
class Step:
    """A copy of what one call of `step` returned."""

    observations: NDArray[Any]
    rewards: NDArray[Any]
    terminated: NDArray[Any]
    truncated: NDArray[Any]
    infos: dict[str, Any]


def check_vector_env(make: Make, *, steps: int = 600, random_levels: bool = True) -> None:
    """Play an environment with random actions and raise on the first broken rule.

    Args:
        make: Makes the environment from a seed. A few copies side by side are enough.
        steps: Steps to play. At least one episode must end within a third of them.
        random_levels: Whether seeds change anything; False for a deterministic world.

    Raises:
        EnvironmentFault: Says which rule is broken and what to change.
    """
    with closing(make(1)) as env:
        check_declarations(env)
        check_complete(env, env.num_envs)
        actions = np.random.default_rng(0).integers(0, _num_actions(env), (steps, env.num_envs))
        _check_refusals(env)
        played = _check_play(env, actions)
    third = steps // 3
    if not any((step.terminated | step.truncated).any() for step in played[:third]):
        raise EnvironmentFault(
            f"no episode ended in {third} random steps: raise `steps`, or give the check an "
            "environment with a shorter time limit"
        )
    _check_last_observations(played)
    _check_seeds(make, actions[:third], played[:third], random_levels)
    _check_round_trip(make, actions)


def _num_actions(env: StatefulVectorEnv) -> int:
    return int(cast(spaces.Discrete, env.single_action_space).n)  # as its declarations say


def _check_refusals(env: StatefulVectorEnv) -> None:
    env.reset()
    num, actions = env.num_envs, _num_actions(env)
    bad = {
        f"{actions}, one past the last": np.full(num, actions),
        "-1": np.full(num, -1),
        "fractions": np.full(num, 0.5),
        "one row too many": np.zeros(num + 1, np.int64),
    }
    for what, array in bad.items():
        try:
            env.step(array)
        except Exception:  # the contract asks for a refusal, not for a type of error
            continue
        raise EnvironmentFault(
            f"step accepts bad actions ({what}): check shape, type and range, and raise"
        )


# Checks of every step of one run


def _check_play(env: StatefulVectorEnv, actions: NDArray[np.int64]) -> list[Step]:
    observations, infos = env.reset(seed=1)
    check_observations(env, observations, "reset")
    require(isinstance(infos, dict), f"reset returned infos of {type(infos)}: return a dict")
    played: list[Step] = []
    returns, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, np.int64)
    for row in actions:
        kept, observed = as_array(observations).copy(), env.observe()
        require(
            np.array_equal(kept, as_array(observed)),
            "observe() differs from the observations just returned: return the same ones",
        )
        given = env.step(row)
        require(
            np.array_equal(kept, as_array(observations))
            and np.array_equal(kept, as_array(observed)),
            "a step wrote into observations returned before: return a copy each time",
        )
        check_observations(env, given[0], "step")
        observations, result = given[0], _check_outcome(env, given)
        returns += result[1]
        lengths += 1
        ended = result[2] | result[3]
        _check_facts(env, ended, result[4], returns, lengths)
        returns[ended], lengths[ended] = 0.0, 0
        played.append(copy.deepcopy(Step(*result)))
    return played


def _arrays(value: Any) -> Any:
    """Return a step, or a part of it, with arrays in place of tensors."""
    if isinstance(value, dict):
        return {key: _arrays(part) for key, part in value.items()}
    if isinstance(value, list):
        return list(map(_arrays, value))
    return as_array(value)


def _check_outcome(env: StatefulVectorEnv, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Check what a step returned, and return it with arrays in place of tensors."""
    require(
        len({is_tensor(part) for part in given[:4]}) == 1,
        "step returns arrays and tensors: return one of them, for observations, rewards, "
        "terminated and truncated",
    )
    result = tuple(map(_arrays, given))
    _, rewards, terminated, truncated, infos = result
    wanted = {"rewards": np.float64, "terminated": np.bool_, "truncated": np.bool_}
    if is_tensor(given[1]) and rewards.dtype == np.float32:
        wanted["rewards"] = np.float32  # many accelerators have nothing wider
    for (name, dtype), array in zip(wanted.items(), (rewards, terminated, truncated), strict=True):
        require(
            isinstance(array, np.ndarray)
            and array.shape == (env.num_envs,)
            and array.dtype == dtype,
            f"{name} must be {dtype.__name__} [{env.num_envs}], but are "
            f"{getattr(array, 'dtype', type(array))} {list(np.shape(array))}",
        )
    require(np.isfinite(rewards).all(), "a reward is NaN or infinite: rewards must be finite")
    require(isinstance(infos, dict), f"step returned infos of {type(infos)}: return a dict")
    require(
        not (terminated & truncated).any(),
        "an episode is both terminated and truncated: report one of them",
    )
    check_infos(infos)
    known = _known(infos, env.num_envs)
    require(
        not truncated.any() or ("final_obs" in infos and not (truncated & ~known).any()),
        "an episode is truncated without infos['final_obs']: give the last observation, or report "
        "`terminated`, so that nothing is bootstrapped from the next episode",
    )
    for row in np.flatnonzero(known & (terminated | truncated)):
        last, space = np.asarray(infos["final_obs"][row]), env.single_observation_space
        require(
            last.shape == space.shape,
            f"infos['final_obs'][{row}] has shape {last.shape}, the space says {space.shape}",
        )
        check_bounds(space, last, f"infos['final_obs'][{row}]")
    return result


def _known(infos: dict[str, Any], num_envs: int) -> NDArray[np.bool_]:
    """Return the rows in which an episode's last observation is given, bool `[N]`."""
    return np.asarray(infos.get("_final_obs", np.zeros(num_envs, np.bool_)))


def _check_last_observations(played: Sequence[Step]) -> None:
    """Refuse last observations that are in fact the first of the next episode.

    A pair may be equal by chance. The more often the first observation occurs, the more likely that
    is.
    """
    seen = Counter(row.tobytes() for step in played for row in step.observations)
    for kind in ("terminated", "truncated"):
        alike, chance = True, 1.0
        for step in played:
            ended = getattr(step, kind)
            for row in np.flatnonzero(ended & _known(step.infos, len(ended))):
                first = step.observations[row].tobytes()
                alike &= np.asarray(step.infos["final_obs"][row]).tobytes() == first
                chance *= seen[first] / seen.total()
        require(
            not alike or chance > RARE,
            f"infos['final_obs'] of {kind} episodes is the first observation of the next one: "
            "copy the last one before starting anew",
        )


def _check_facts(
    env: StatefulVectorEnv,
    ended: NDArray[np.bool_],
    infos: dict[str, Any],
    returns: NDArray[np.float64],
    lengths: NDArray[np.int64],
) -> None:
    if not ended.any():
        require(
            "episode" not in infos and "_episode" not in infos,
            "infos['episode'] is there although no episode ended: leave it out",
        )
        return
    require(
        isinstance(infos.get("episode"), dict) and "_episode" in infos,
        "an episode ended without infos['episode'] and infos['_episode']: report r, l and success",
    )
    facts = infos["episode"]
    require(
        np.array_equal(infos["_episode"], ended),
        "infos['_episode'] is not the mask of the episodes that ended (terminated | truncated)",
    )
    for name, array in facts.items():
        require(
            isinstance(array, np.ndarray) and len(array) == env.num_envs,
            f"infos['episode'][{name!r}] must be an array with {env.num_envs} rows",
        )
    require(
        facts["success"].dtype == np.bool_, "infos['episode']['success'] must be an array of bool"
    )
    require(
        np.array_equal(facts["l"][ended], lengths[ended]),
        f"infos['episode']['l'] says {facts['l'][ended].tolist()} steps, but "
        f"{lengths[ended].tolist()} were made: count every step, and start the next episode in "
        "the step that ends one (SAME_STEP)",
    )
    require(
        np.allclose(facts["r"][ended], returns[ended], rtol=1e-5, atol=1e-6),
        f"infos['episode']['r'] says {facts['r'][ended].tolist()}, but the rewards returned add "
        f"up to {returns[ended].tolist()}",
    )


# Comparisons of runs


def _run(env: StatefulVectorEnv, actions: NDArray[np.int64]) -> Iterator[Step]:
    for row in actions:
        yield copy.deepcopy(Step(*map(_arrays, env.step(row))))


def _check_seeds(
    make: Make, actions: NDArray[np.int64], played: list[Step], random_levels: bool
) -> None:
    with closing(make(1)) as first, closing(make(1)) as second:
        same_start = np.array_equal(as_array(first.reset()[0]), as_array(second.reset()[0]))
        differing = _first_difference(_run(first, actions), _run(second, actions))
        require(
            same_start and differing is None,
            f"two environments made with the same seed differ {_at(differing)}: draw everything "
            "random from generators made from the seed",
        )
        first.reset(seed=1)
        differing = _first_difference(iter(played), _run(first, actions))
        require(
            differing is None,
            f"reset(seed=1) twice gives different episodes {_at(differing)}: let it start every "
            "generator and counter anew",
        )
    if not random_levels:
        return
    with closing(make(1)) as first, closing(make(2)) as other:
        same_start = np.array_equal(as_array(first.reset()[0]), as_array(other.reset()[0]))
        differing = _first_difference(_run(first, actions), _run(other, actions))
        require(
            not same_start or differing is not None,
            "environments made with different seeds play the same episodes: use the seed, or say "
            "random_levels=False if nothing in this world is random",
        )


def _check_round_trip(make: Make, actions: NDArray[np.int64]) -> None:
    third = len(actions) // 3
    with closing(make(1)) as env, closing(make(3)) as fresh:
        env.reset()
        for row in actions[:third]:
            last = as_array(env.step(row)[0])
        state = env.get_state()
        _check_plain(state, "get_state()")
        require(
            np.array_equal(as_array(env.observe()), last),
            "get_state changes the observations: only read",
        )
        kept = copy.deepcopy(state)
        expected = list(_run(env, actions[third:]))
        require(
            _same(_arrays(state), _arrays(kept)),
            "a step wrote into a state that get_state returned: return copies",
        )
        for target, what in ((fresh, "a fresh environment"), (env, "the same environment")):
            target.set_state(copy.deepcopy(kept))
            require(
                np.array_equal(as_array(target.observe()), last),
                f"set_state in {what} does not bring the observations back",
            )
            differing = _first_difference(iter(expected), _run(target, actions[third:]))
            require(
                differing is None,
                f"a run restored in {what} differs {_at(differing)}: save generators, counters of "
                "unfinished episodes and everything else that steps depend on",
            )


def _check_plain(value: Any, where: str) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            require(type(key) is str, f"{where} has the key {key!r}: keys must be str")
            _check_plain(part, f"{where}[{key!r}]")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _check_plain(part, f"{where}[{index}]")
    else:
        require(
            value is None or is_tensor(value) or type(value) in (int, float, str, bytes, bool),
            f"{where} is {type(value).__name__}: states are made of int, float, str, bytes, bool, "
            "None, torch tensors, lists and dicts (use .tolist() or .tobytes())",
        )


def _first_difference(one: Iterator[Step], other: Iterator[Step]) -> int | None:
    for number, (left, right) in enumerate(itertools.zip_longest(one, other)):
        if left is None or right is None or not _same(vars(left), vars(right)):
            return number
    return None


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        equal_nan = left.dtype.kind == "f"
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=equal_nan)
    return bool(left == right)


def _at(step: int | None) -> str:
    return "at reset" if step is None else f"at step {step + 1}"
