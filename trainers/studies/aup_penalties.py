"""A run's learnt penalties beside exact ones, on what the agent sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chisel import envs, impact, models
from chisel.analysis.gridworlds import board_model, board_values
from chisel.configs import CheckpointError, ConfigError, RunConfig
from chisel.envs.gridworlds import GridworldVectorEnv, board_planes
from chisel.models import Agent
from chisel.trainers.aup.module import Aup, make_aup

DIGITS = 4
"""Penalties nearer than this are ties of the rank correlation: exact ones are often exactly 0."""


@dataclass(frozen=True)
class Episode:
    """What an agent does when it takes the likeliest action."""

    boards: tuple[int, ...]
    """The number of the board at each time, the last one included unless it is a time-out's."""
    performance: float
    ret: float
    """Undiscounted return."""


@dataclass(frozen=True)
class Penalties:
    """How learnt penalties differ from exact ones, which are in units of the scale."""

    error: float
    """Mean of `|learnt - exact|` over boards and actions other than doing nothing."""
    largest: float
    """The largest."""
    function_error: float
    """The mean for each auxiliary value by itself, in shares of the largest value."""
    rank: float
    """Spearman's correlation."""
    exact: float
    """Mean of the exact ones."""
    pairs: int
    """Boards times actions."""


def greedy_episode(agent: Agent, env: GridworldVectorEnv) -> Episode:
    """Play once; the world has no chance, so once is enough."""
    obs, _ = env.reset()
    boards = [int(env.mdp.board[env.states[0]])]
    while True:
        with torch.inference_mode():
            action = int(agent.policy(models.to_tensor(obs))[0].argmax())
        before = int(env.states[0])
        obs, _, terminated, truncated, infos = env.step(np.full(env.num_envs, action))
        boards.append(int(env.mdp.board[env.mdp.next_state[before, action]]))
        if terminated[0] or truncated[0]:
            facts = infos["episode"]
            return Episode(tuple(boards), float(facts["performance"][0]), float(facts["r"][0]))


def visited_boards(agent: Agent, env: GridworldVectorEnv, steps: int, seed: int) -> NDArray[Any]:
    """The boards `[V]` that an agent acts on within so many steps of every copy, sampling."""
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


def learnt(run: Path, config: RunConfig, env: GridworldVectorEnv) -> Aup:
    """The algorithm as a run's last checkpoint has it.

    Raises:
        CheckpointError: the checkpoint holds none.
    """
    file = models.find_checkpoint(run, print)
    payload = models.read_checkpoint(file)
    algorithm = make_aup(config, env, device=torch.device("cpu"))
    try:
        algorithm.set_state(payload["chisel"]["algorithm"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{file} holds no auxiliary values of algo.name=aup") from error
    return algorithm


def exact_values(algorithm: Aup, config: RunConfig, env: GridworldVectorEnv) -> NDArray[np.float64]:
    """What the algorithm's auxiliary values `[K, B, A]` should be; see `board_values`."""
    boards = torch.from_numpy(board_planes(env.mdp.boards, env.world.planes))
    rewards = algorithm.auxiliary.rewards(boards).double().numpy().T
    max_steps = config.env.max_steps or env.world.max_steps
    model = board_model(env.mdp, max_steps)
    return board_values(model, rewards, config.algo.aux.gamma)


def compare_penalties(
    algorithm: Aup, env: GridworldVectorEnv, q: NDArray[np.float64], boards: NDArray[Any]
) -> Penalties:
    """Every action but doing nothing, on some boards.

    Args:
        algorithm: with what it has learnt.
        env: its world.
        q: exact auxiliary values `[K, B, A]`.
        boards: `[V]`.
    """
    planes = torch.from_numpy(board_planes(env.mdp.boards[boards], env.world.planes))
    found = algorithm.auxiliary.values(planes).double().numpy().swapaxes(0, 1)
    known, noop = q[:, boards], algorithm.noop
    acting = np.arange(q.shape[-1]) != noop
    changes = [np.abs(one - one[..., [noop]])[..., acting] for one in (found, known)]
    ours, theirs = (impact.step_penalty(one, noop)[:, acting].ravel() for one in (found, known))
    apart = np.abs(ours - theirs)
    return Penalties(
        error=float(apart.mean()),
        largest=float(apart.max()),
        function_error=float(np.abs(changes[0] - changes[1]).mean() / q.max()),
        rank=impact.rank_correlation(ours.round(DIGITS), theirs.round(DIGITS)),
        exact=float(theirs.mean()),
        pairs=len(ours),
    )


def make_world(config: RunConfig, num_envs: int) -> GridworldVectorEnv:
    """The world of a run.

    Raises:
        ConfigError: it is no gridworld.
    """
    env = envs.make(config.env, seed=0, num_envs=num_envs)
    if not isinstance(env, GridworldVectorEnv):
        raise ConfigError(f"env.name={config.env.name}: this study is about gridworlds")
    return env
