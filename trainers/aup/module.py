"""Attainable utility preservation on PPO: the penalty, and when what is learnt."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from chisel import models
from chisel.configs import AupConfig, ConfigError, RunConfig
from chisel.envs import StatefulVectorEnv
from chisel.models import ActorCritic
from chisel.trainers.aup.auxiliary import AuxiliaryValues
from chisel.trainers.aup.exploration import ExplorationPolicy
from chisel.trainers.aup.observation_hash import ObservationHash
from chisel.trainers.aup.replay import Replay
from chisel.trainers.aup.rewards import RewardPerView
from chisel.trainers.onpolicy.build import build_on_policy
from chisel.trainers.onpolicy.collector import Policy
from chisel.trainers.onpolicy.module import Losses, OnPolicy, Outputs
from chisel.trainers.onpolicy.ppo import PPO
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from chisel.trainers.runs import seeding

SMALLEST_SCALE = 1.0
"""Interventions are divided by no less: the largest reward of a step in which everything ends."""


def penalty(
    values: Tensor,
    actions: Tensor,
    noop: int,
    *,
    deviation: Literal["absolute", "decrease"],
    scale: Literal["noop", "none"],
) -> Tensor:
    """How much actions change what could be attained, compared with doing nothing.

    `mean_k |Q_k(s, a) - Q_k(s, noop)| / Q_k(s, noop)` (1902.09725, equation 2, without rollouts).

    Args:
        values: Q `[B, K, A]`.
        actions: int `[B]`.
        noop: action of doing nothing.
        deviation: "decrease" counts only what became less attainable.
        scale: "none" leaves out the division.

    Returns:
        `[B]`, at least 0, and 0 for the no-op.
    """
    idle = values[:, :, noop]
    change = values[torch.arange(len(actions), device=actions.device), :, actions] - idle
    change = change.abs() if deviation == "absolute" else (-change).clamp_min(0)
    if scale == "noop":
        change = change / idle.abs().clamp_min(SMALLEST_SCALE)
    return change.mean(1)


class Aup:
    """PPO on rewards from which the penalty is subtracted; an `Algorithm` for `OnPolicy`.

    First comes the auxiliary phase, which explores, learns the auxiliary values and leaves the
    agent as it is; then the agent learns.

    Args:
        options: hyperparameters.
        ppo: what learns from the shaped rewards.
        auxiliary: the auxiliary values.
        exploration: who acts in the auxiliary phase.
        noop: action of doing nothing.
        frames_per_iteration: environment steps of a rollout.
        num_iterations: planned iterations of both phases.
    """

    wants_arrivals = True

    def __init__(
        self,
        options: AupConfig,
        ppo: PPO,
        auxiliary: AuxiliaryValues,
        exploration: ExplorationPolicy,
        *,
        noop: int,
        frames_per_iteration: int,
        num_iterations: int,
    ) -> None:
        self.options, self.ppo, self.auxiliary, self.noop = options, ppo, auxiliary, noop
        self.exploration = exploration
        self.columns, self.num_steps = ppo.columns, ppo.num_steps
        self.num_minibatches, self.update_epochs = ppo.num_minibatches, ppo.update_epochs
        self.adam_eps, self.max_grad_norm, self.target_kl = (
            ppo.adam_eps,
            ppo.max_grad_norm,
            ppo.target_kl,
        )
        self._frames, self._planned = frames_per_iteration, num_iterations
        self._before = -(-options.aux.steps // frames_per_iteration)
        self._done = 0
        self._metrics: dict[str, float] = {}

    @property
    def explores(self) -> bool:
        """Whether the next iteration is one of the auxiliary phase."""
        return self._done < self._before

    @property
    def exploration_policy(self) -> Policy | None:
        """Who acts in the auxiliary phase."""
        return self.exploration if self.explores else None

    def learning_rate(self, progress: float) -> float:
        """PPO's, annealed over the agent's phase alone."""
        if not self._before:
            return self.ppo.learning_rate(progress)
        agents = max(1, self._planned - self._before)
        return self.ppo.learning_rate(max(0.0, (progress * self._planned - self._before) / agents))

    def finish(self, buffer: RolloutBuffer, last_values: Tensor) -> None:
        """Learn auxiliary values while that is due; then shape the rewards and leave them to PPO.

        Raises:
            NumericsError: A number is not finite.
        """
        explored = self.explores
        self._metrics = {}
        if explored or self.options.aux.learn_on:
            self._learn(buffer)
        if not explored:
            self._shape(buffer)
            self.ppo.finish(buffer, last_values)
        self._done += 1
        if not self.explores and not self.options.aux.learn_on:
            self.auxiliary.replay.clear()

    def _learn(self, buffer: RolloutBuffer) -> None:
        """In the second half of the phase steps shrink geometrically."""
        aux = self.options.aux
        share = self._done / self._before if self.explores else 1.0
        shrunk = (aux.final_learning_rate / aux.learning_rate) ** max(0.0, 2 * share - 1)
        if self.explores:
            self.auxiliary.add(buffer, self.exploration.counts(self.num_steps))
            self.exploration.plan()
        else:
            self.auxiliary.add(buffer)
        self._metrics["aup/td_error"] = self.auxiliary.learn(
            aux.updates, learning_rate=aux.learning_rate * shrunk
        )

    def weight(self) -> float:
        """λ in the next iteration of the agent's phase."""
        options = self.options
        if options.aup_lambda_start is None or not options.aup_lambda_ramp:
            return options.aup_lambda
        steps = max(0, self._done - self._before) * self._frames
        share = min(1.0, steps / options.aup_lambda_ramp)
        start = options.aup_lambda_start
        return start + share * (options.aup_lambda - start)

    def _shape(self, buffer: RolloutBuffer) -> None:
        """`r - λ penalty`, in place."""
        found = penalty(
            self.auxiliary.values(buffer.flat("obs")),
            buffer.flat("actions"),
            self.noop,
            deviation=self.options.deviation,
            scale=self.options.scale,
        )
        weight = self.weight()
        buffer.flat("rewards").sub_(weight * found)
        self._metrics |= {"aup/penalty": float(found.mean()), "aup/lambda": weight}

    def losses(self, outputs: Outputs, batch: dict[str, Tensor]) -> Losses:
        """PPO's."""
        return self.ppo.losses(outputs, batch)

    def metrics(self) -> dict[str, float]:
        """Penalty and weight in the agent's phase; the error while auxiliary values are learnt."""
        return self._metrics

    def get_state(self) -> dict[str, Any]:
        """Iterations done, auxiliary values, and PPO's state."""
        return {
            "done": self._done,
            "auxiliary": self.auxiliary.get_state(),
            "ppo": self.ppo.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self._done = state["done"]
        self.auxiliary.set_state(state["auxiliary"])
        self.exploration.plan()
        self.ppo.set_state(state["ppo"])


def build_aup(
    config: RunConfig,
    env: StatefulVectorEnv,
    model: ActorCritic,
    *,
    rank: int,
    device: torch.device,
    about: dict[str, Any],
) -> OnPolicy:
    """The registered builder of `algo.name: aup`.

    Raises:
        ConfigError: the environment doesn't say which action does nothing.
    """
    algorithm = make_aup(config, env, device=device)
    return build_on_policy(config, env, model, algorithm, rank=rank, device=device, about=about)


def make_aup(config: RunConfig, env: StatefulVectorEnv, *, device: torch.device) -> Aup:
    """The algorithm of a config. The auxiliary network is a second one of the agent's kind."""
    noop = getattr(env, "noop", None)
    if noop is None:
        raise ConfigError(
            f"algo.name = aup: env.name={config.env.name} doesn't say which action does nothing "
            "(an attribute `noop`); choose another environment, or algo.name=ppo"
        )
    options: AupConfig = config.algo
    aux, spaces = options.aux, models.spaces_of(env)
    seed = seeding.derive(config, "auxiliary")
    draws = np.random.default_rng(seed)
    height, width, channels = spaces.obs_shape
    obs_bytes = height * width * channels * np.dtype(spaces.obs_dtype).itemsize
    inputs = dataclasses.replace(spaces, obs_dtype="float32", obs_high=1.0)
    outputs = dataclasses.replace(inputs, num_actions=aux.num * spaces.num_actions)
    network = config.model
    if aux.hidden is not None:
        network = dataclasses.replace(network, hidden=aux.hidden)
    auxiliary = AuxiliaryValues(
        models.build(network, outputs, seed=seed),
        RewardPerView(aux.num, ObservationHash.draw(obs_bytes, draws)),
        gamma=aux.gamma,
        replay=Replay(aux.replay, ObservationHash.draw(obs_bytes, draws), device),
        batch_size=aux.batch_size,
        sweeps=aux.sweeps,
        generator=torch.Generator().manual_seed(seed),
        obs_shape=spaces.obs_shape,
        device=device,
    )
    exploration = ExplorationPolicy(
        auxiliary.replay,
        num_envs=config.env.num_envs,
        exploring=round(aux.exploring * config.env.num_envs),
        num_actions=spaces.num_actions,
    )
    frames = options.num_steps * config.env.num_envs
    return Aup(
        options,
        PPO(options, total_envs=config.env.num_envs),
        auxiliary,
        exploration,
        noop=int(noop),
        frames_per_iteration=frames,
        num_iterations=max(1, config.frames // frames),
    )
