"""Compare a run's learnt penalties with exact ones, on the boards that the agent visits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from chisel import envs, impact, models
from chisel.analysis.gridworlds import board_values
from chisel.configs import ConfigError, RunConfig
from chisel.envs.gridworlds import GridworldVectorEnv, board_planes
from chisel.models import Agent
from chisel.trainers.aup.fitted_values import FittedValues
from chisel.trainers.aup.module import Aup

DIGITS = 4
"""Digits that penalties are rounded to for the rank correlation, because exact ones are often 0."""


@dataclass(frozen=True)
class Episode:
    """An episode in which an agent takes the most probable actions."""

    boards: tuple[int, ...]
    """Number of the board at each step, and of the last board unless the episode timed out."""
    performance: float


@dataclass(frozen=True)
class Penalties:
    """Differences of learnt penalties from exact ones, in units of the penalty's scale."""

    error: float
    """Mean of `|learnt - exact|` over boards and actions other than doing nothing."""
    largest: float
    """Largest of these differences."""
    function_error: float
    """Mean difference of single auxiliary values, divided by the largest value."""
    rank: float
    """Spearman's rank correlation of learnt and exact penalties."""
    exact: float
    """Mean of the exact penalties."""
    pairs: int
    """Number of boards times actions."""


def greedy_episode(agent: Agent, env: GridworldVectorEnv) -> Episode:
    """Play an episode with the likeliest actions; the world is deterministic, so one is enough."""
    obs, _ = env.reset()
    boards = [int(env.mdp.board[env.states[0]])]
    while True:
        with torch.inference_mode():
            action = int(agent.policy(models.to_tensor(obs))[0].argmax())
        before = int(env.states[0])
        obs, _, terminated, truncated, infos = env.step(np.full(env.num_envs, action))
        boards.append(int(env.mdp.board[env.mdp.next_state[before, action]]))
        if terminated[0] or truncated[0]:
            return Episode(tuple(boards), float(infos["episode"]["performance"][0]))


def visited_boards(agent: Agent, env: GridworldVectorEnv, steps: int, seed: int) -> NDArray[Any]:
    """Return the numbers `[V]` of the boards that an agent visits when it samples actions.

    Args:
        agent: The agent.
        env: Its world.
        steps: Number of steps of each environment.
        seed: Seed of the sampled actions.
    """
    generator = torch.Generator().manual_seed(seed)
    obs, _ = env.reset()
    seen: NDArray[np.bool_] = np.zeros(len(env.mdp.boards), np.bool_)
    for _ in range(steps):
        seen[env.mdp.board[env.states]] = True
        with torch.inference_mode():
            probabilities = agent.policy(models.to_tensor(obs)).softmax(-1)
        actions = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
        obs = env.step(actions.numpy())[0]
    return np.flatnonzero(seen)


def exact_values(algorithm: Aup, config: RunConfig, env: GridworldVectorEnv) -> NDArray[np.float64]:
    """Compute exact auxiliary values `[K, B, A]` of the algorithm's rewards; see `board_values`."""
    boards = torch.from_numpy(board_planes(env.mdp.boards, env.world.planes))
    auxiliary = cast(FittedValues, algorithm.auxiliary)  # which `load_aup` makes
    rewards = auxiliary.rewards(boards).double().numpy().T
    max_steps = config.env.max_steps or env.world.max_steps
    return board_values(env.mdp, rewards, config.algo.aux.gamma, max_steps)


def compare_penalties(
    algorithm: Aup, env: GridworldVectorEnv, q: NDArray[np.float64], boards: NDArray[Any]
) -> Penalties:
    """Compare learnt and exact penalties of every action but doing nothing, on some boards.

    Args:
        algorithm: The trained algorithm.
        env: Its world.
        q: Exact auxiliary values `[K, B, A]`.
        boards: Numbers of boards `[V]`.
    """
    planes = torch.from_numpy(board_planes(env.mdp.boards[boards], env.world.planes))
    learnt = algorithm.auxiliary.values(planes).double().numpy().swapaxes(0, 1)
    exact, noop = q[:, boards], algorithm.noop
    acting = np.arange(q.shape[-1]) != noop
    changes = [np.abs(one - one[..., [noop]])[..., acting] for one in (learnt, exact)]
    penalties, exact_penalties = (
        impact.step_penalty(one, noop)[:, acting].ravel() for one in (learnt, exact)
    )
    errors = np.abs(penalties - exact_penalties)
    return Penalties(
        error=float(errors.mean()),
        largest=float(errors.max()),
        function_error=float(np.abs(changes[0] - changes[1]).mean() / q.max()),
        rank=impact.rank_correlation(penalties.round(DIGITS), exact_penalties.round(DIGITS)),
        exact=float(exact_penalties.mean()),
        pairs=len(penalties),
    )


def make_world(config: RunConfig, num_envs: int) -> GridworldVectorEnv:
    """Make the environments of a run in a gridworld.

    Raises:
        ConfigError: If its world is not a gridworld.
    """
    env = envs.make(config.env, seed=0, num_envs=num_envs)
    if not isinstance(env, GridworldVectorEnv):
        raise ConfigError(f"env.name={config.env.name}: this study is about gridworlds")
    return env
