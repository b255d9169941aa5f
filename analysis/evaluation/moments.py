"""Choose moments and decisions by playing, for probes and attributions in any world.

A world's evaluator may have a better way: in mazes, moments are set up without playing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from chisel import envs
from chisel.analysis.attribution import Score
from chisel.analysis.evaluation.playing import action_probabilities
from chisel.analysis.interventions import LayerSplit
from chisel.analysis.probes import ProbeTarget, Sample
from chisel.analysis.results import require_spaces
from chisel.configs import RunConfig
from chisel.models import Agent, to_tensor

_LOGITS = 2
"""Largest number of actions whose logits are targets of probes."""
_AT_A_TIME = 512


Contrast = Callable[..., tuple[NDArray[Any], NDArray[Any]]]
"""Function that returns observations with and without a property, as `successes_and_failures`."""


@dataclass(frozen=True, eq=False)
class Decisions:
    """`N` decisions of an agent, which attributions explain."""

    obs: Tensor
    """Observations `[N, …]` of the decisions."""
    score: Callable[[LayerSplit, Tensor], Score]
    """Function from a layer and the observations to the score that is explained."""
    about: str
    """Description of the score, in words."""
    removed: Tensor | None = None
    """Observations `[N, …]` without the object of the decision, if the world can remove it."""
    facts: Sequence[Mapping[str, Any]] | None = None
    """Plain values about each decision, for JSON."""
    near: Callable[[int, tuple[int, int]], NDArray[np.bool_]] | None = None
    """Function that returns which places `[H, W]` of a layer are near the object of decision n."""
    draw: Callable[[Axes, int, NDArray[np.float64], float], Any] | None = None
    """Function that draws attributions `[H, W]` over decision n, with a limit of the colours."""
    sizes: Sequence[int] | None = None
    """Size of each moment; the largest are drawn."""

    def __len__(self) -> int:
        """Return the number of decisions."""
        return len(self.obs)


def played_sample(agent: Agent, config: RunConfig, counts: Sequence[int], seed: int) -> Sample:
    """Return one moment of each of many games that the agent plays, with targets for probes.

    The targets are `steps-left` and `return-to-go` in that game, whether it ends in `success`, the
    `likeliest-action`, and the centred logits of the first two actions, `logit-0` and `logit-1`.

    Args:
        agent: Agent that plays; its actions are sampled.
        config: Config of the world.
        counts: Numbers of games for fitting, for validation and for testing, which share no game.
        seed: Seed of games, actions and moments.

    Raises:
        CheckpointError: If the agent is for another environment.
    """
    parts = [_moments(agent, config, count, [seed, n]) for n, count in enumerate(counts)]
    facts = {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}
    obs = to_tensor(facts.pop("obs"))
    logits = _logits(agent, obs)
    centred = (logits - logits.mean(1, keepdim=True)).numpy()
    targets = [ProbeTarget(name, values) for name, values in facts.items()]
    targets.append(ProbeTarget("likeliest-action", logits.argmax(1).numpy()))
    targets += [ProbeTarget(f"logit-{n}", centred[:, n].copy()) for n in range(_LOGITS)]
    return Sample(obs, tuple(targets), np.arange(len(obs)), (counts[0], counts[1]))


def successes_and_failures(
    agent: Agent, config: RunConfig, *, levels: int, seed: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return observations `[N, …]` of games that end in success, and `[M, …]` of those that don't.

    Args:
        agent: Agent that plays; its actions are sampled.
        config: Config of the world.
        levels: Number of games, one moment of each.
        seed: Seed of the games and moments.
    """
    facts = _moments(agent, config, levels, [seed])
    succeeds = facts["success"] == 1
    return facts["obs"][succeeds], facts["obs"][~succeeds]


def likeliest_decisions(agent: Agent, config: RunConfig, *, levels: int, seed: int) -> Decisions:
    """Return decisions for the likeliest action against all others, at moments of games.

    Args:
        agent: Agent that decides.
        config: Config of the world.
        levels: Number of games, one moment of each.
        seed: Seed of the games and moments.
    """
    obs = to_tensor(_moments(agent, config, levels, [seed])["obs"])
    chosen = _logits(agent, obs).argmax(1)

    def score(layer_split: LayerSplit, obs: Tensor) -> Score:
        rows = torch.arange(len(obs))

        def log_odds(activations: Tensor) -> Tensor:
            logits = layer_split.differentiable(activations, obs).cpu().double()
            others = logits.clone()
            others[rows, chosen] = -torch.inf
            return logits[rows, chosen] - torch.logsumexp(others, dim=1)

        return log_odds

    return Decisions(obs, score, "log-odds of the likeliest action against all others")


def _logits(agent: Agent, obs: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat([agent.policy(part).double() for part in torch.split(obs, _AT_A_TIME)])


def _moments(
    agent: Agent, config: RunConfig, count: int, key: Sequence[int]
) -> dict[str, NDArray[Any]]:
    """Play `count` games; return the observation of a random step of each, and its targets."""
    seeds = np.random.SeedSequence(list(key)).generate_state(3)
    choose = np.random.default_rng(seeds[0])
    actions = torch.Generator().manual_seed(int(seeds[1]))
    env = envs.make(config.env, seed=int(seeds[2]), num_envs=min(count, config.eval.num_envs))
    try:
        require_spaces(agent, env)
        found = _Reservoir(env.num_envs, choose)
        obs, _ = env.reset(seed=int(seeds[2]))
        # Every copy plays the same number of games, so that short ones are not over-represented.
        while min(map(len, found.games)) * env.num_envs < count:
            found.see(obs)
            with torch.inference_mode():
                probabilities = action_probabilities(agent.policy(to_tensor(obs)))
            taken = torch.multinomial(probabilities, 1, generator=actions).squeeze(1).numpy()
            obs, rewards, terminated, truncated, infos = env.step(taken)
            found.note(rewards, terminated | truncated, infos)
    finally:
        env.close()
    rows = [row for games in zip(*found.games, strict=False) for row in games][:count]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


class _Reservoir:
    """Keeps one step of each running game, chosen with equal probability from all its steps.

    Args:
        copies: Number of games that run side by side.
        generator: Source of the draws.
    """

    def __init__(self, copies: int, generator: np.random.Generator) -> None:
        self.games: list[list[dict[str, Any]]] = [[] for _ in range(copies)]
        """Moment that was kept of each game that has ended, by copy."""
        self._generator = generator
        self._obs: list[NDArray[Any]] = [np.zeros(0)] * copies
        self._step, self._kept = np.zeros((2, copies), np.int64)
        self._total, self._before = np.zeros((2, copies))

    def see(self, obs: NDArray[Any]) -> None:
        """Look at the observations `[N, …]` of the next step."""
        self._step += 1
        # If step k is kept with probability 1/k, each of the k steps has the same probability.
        for row in np.flatnonzero(self._generator.random(len(obs)) * self._step < 1):
            self._obs[row] = np.array(obs[row])
            self._kept[row], self._before[row] = self._step[row], self._total[row]

    def note(
        self, rewards: NDArray[Any], ended: NDArray[np.bool_], infos: Mapping[str, Any]
    ) -> None:
        """Add the rewards `[N]` of the step; where games ended, store their moment and facts."""
        self._total += rewards
        for row in np.flatnonzero(ended):
            moment = {
                "obs": self._obs[row],
                "steps-left": float(self._step[row] - self._kept[row]),
                "return-to-go": float(self._total[row] - self._before[row]),
                "success": int(infos["episode"]["success"][row]),
            }
            self.games[row].append(moment)
            self._step[row] = self._total[row] = 0
