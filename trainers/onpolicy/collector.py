"""Collect rollouts: one forward pass per step, no gradient, all draws from a saved generator."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chisel.configs import EnvironmentFault, NumericsError
from chisel.envs import (
    DeviceVectorEnv,
    StatefulVectorEnv,
    as_array,
    check_declarations,
    check_infos,
    check_observations,
    is_device_env,
)
from chisel.models import as_tensor
from chisel.trainers.onpolicy.losses import action_log_prob
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from chisel.trainers.routed.labels import EpisodeLabeler

Policy = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Function from observations `[N, ...]` in the environment's layout to logits `[N, A]` and values
`[N]`."""

EPISODE_WINDOW = 100
"""Number of newest episodes over which returns, lengths and successes are averaged for the log."""


class Collector:
    """Steps one vector environment with a policy and fills a rollout buffer.

    An environment that returns tensors gets its actions as a tensor, and its observations and
    rewards never leave their device. Facts about ended episodes are read as arrays. With a
    `DeviceVectorEnv` nothing waits for the device before the rollout is complete.

    Args:
        env: Environment with SAME_STEP autoreset (see `envs.StatefulVectorEnv`).
        seed: Seed of the environment's first reset.
        generator: Generator of the actions, on the policy's device.
        labels: Labeler that gets the infos of every step; `None` labels nothing.

    Raises:
        EnvironmentFault: If the environment cannot be trained in, by its declarations or by the
            observations that `reset` returns.
    """

    def __init__(
        self,
        env: StatefulVectorEnv,
        *,
        seed: int,
        generator: torch.Generator,
        labels: EpisodeLabeler | None = None,
    ) -> None:
        check_declarations(env)
        self.env, self.generator, self.labels = env, generator, labels
        self.episodes: deque[list[float]] = deque(maxlen=EPISODE_WINDOW)
        self._beside = env if is_device_env(env) else None
        """The environment, if it is on the network's device; otherwise `None`."""
        self.whole_view: Any = getattr(env, "whole_view", None)
        """The environment's `whole_view`; `None` if it has none."""
        self.obs: Any = env.reset(seed=seed)[0]
        """Current observations `[N, ...]`, an array or a tensor as the environment gave them."""
        check_observations(env, self.obs, "reset")

    @torch.inference_mode()
    def collect(self, policy: Policy, buffer: RolloutBuffer) -> Tensor:
        """Step the environment and fill the buffer, with rewards as the environment gives them.

        Args:
            policy: Policy that acts.
            buffer: Buffer that is overwritten.

        Returns:
            Values `[N]` of the observations after the last step.

        Raises:
            NumericsError: If an observation, a reward, a logit or a last value is not finite.
            EnvironmentFault: If the environment raised an exception.
        """
        self._logits_finite = torch.ones((), dtype=torch.bool, device=buffer["values"].device)
        marks = []
        for t in range(buffer.num_steps):
            obs = self._copy_obs(buffer["obs"][t])
            if "whole" in buffer.columns:
                buffer["whole"][t] = as_tensor(self.whole_view())
            logits, values = policy(obs)
            actions = self._sample(logits)
            buffer["actions"][t] = actions
            buffer["log_probs"][t], _ = action_log_prob(logits, actions)
            buffer["values"][t] = values.float()
            if self._beside is not None:
                marks.append(self._advance(self._beside, actions, buffer, t))
            else:
                self._step(actions, policy, buffer, t)
        _, last_values = policy(self._copy_obs(torch.empty_like(buffer["obs"][0])))
        if self._beside is not None:
            self._check(buffer)
            self._report(self._beside, buffer["dones"], marks)
        if not bool(torch.isfinite(last_values).all()):
            raise NumericsError("the value of the last observation is not finite")
        return last_values.float()

    def _copy_obs(self, into: Tensor) -> Tensor:
        """Copy the current observations into a tensor, and return it."""
        obs = as_tensor(self.obs)
        if self._beside is None:
            _check_finite(obs.unsqueeze(0), "observation")
        return into.copy_(obs)

    def _sample(self, logits: Tensor) -> Tensor:
        """Sample actions by exponential races, which need one argmax and no wait for the device."""
        self._logits_finite &= torch.isfinite(logits).all()
        if self._beside is None:
            self._check_logits()
        noise = torch.empty_like(logits, dtype=torch.float32).exponential_(generator=self.generator)
        return (logits.float() - noise.log()).argmax(-1)

    def _step(self, actions: Tensor, policy: Policy, buffer: RolloutBuffer, t: int) -> None:
        taken: Any = actions if isinstance(self.obs, Tensor) else actions.cpu().numpy()
        try:
            step = self.env.step(taken)
        except Exception as error:
            raise EnvironmentFault(
                f"the environment failed in step {t} of a rollout: {error}"
            ) from error
        self.obs, infos = step[0], step[4]
        check_infos(infos)
        rewards, terminated, truncated = map(as_tensor, step[1:4])
        _check_finite(rewards.unsqueeze(0), "reward")
        ended = terminated | truncated
        buffer["rewards"][t] = rewards
        buffer["dones"][t] = ended
        buffer["bootstrap"][t] = 0.0
        if buffer.keeps_next_obs:
            buffer["terminated"][t] = terminated
            self._store_next_obs(ended, infos, buffer, t)
        if bool(truncated.any()):
            self._bootstrap(truncated & ~terminated, infos, policy, buffer["bootstrap"][t])
        if "episode" in infos:
            facts = {key: as_array(values) for key, values in infos["episode"].items()}
            infos = infos | {"episode": facts, "_episode": as_array(infos["_episode"])}
            self._note_episodes(infos)
        if self.labels is not None:
            self.labels.note(t, infos)

    def _advance(
        self, env: DeviceVectorEnv, actions: Tensor, buffer: RolloutBuffer, t: int
    ) -> dict[str, Tensor]:
        """Step an environment on the network's device; return its marks of ended episodes."""
        self.obs, rewards, ended, marks = env.advance(actions)
        buffer["rewards"][t] = rewards
        buffer["dones"][t] = ended
        buffer["bootstrap"][t] = 0.0
        if buffer.keeps_next_obs:
            buffer["terminated"][t] = ended
            self._store_next_obs(ended, {}, buffer, t)
        return marks

    def _check(self, buffer: RolloutBuffer) -> None:
        """Raise a `NumericsError` if a rollout has numbers that are not finite."""
        _check_finite(buffer["obs"], "observation")
        _check_finite(buffer["rewards"], "reward")
        self._check_logits()

    def _check_logits(self) -> None:
        if not bool(self._logits_finite):
            raise NumericsError("policy logits are not finite")

    def _report(self, env: DeviceVectorEnv, ended: Tensor, marks: list[dict[str, Tensor]]) -> None:
        """Note the episodes that ended in a rollout, in the order in which they ended."""
        steps, rows = ended.nonzero(as_tuple=True)
        if not len(steps):
            return
        columns = {name: torch.stack([one[name] for one in marks]) for name in marks[0]}
        told = env.facts({name: column[steps, rows] for name, column in columns.items()})
        facts = {name: as_array(values) for name, values in told.items()}
        self._note_episodes({"episode": facts, "_episode": np.ones(len(steps), np.bool_)})
        if self.labels is not None:
            self.labels.note_rollout(as_array(steps), as_array(rows), facts)

    def _bootstrap(
        self, truncated: Tensor, infos: dict[str, Any], policy: Policy, into: Tensor
    ) -> None:
        """Store the values of the last observations of truncated episodes.

        If the environment doesn't report these observations, nothing is stored.
        """
        last = as_tensor(self.obs).clone()
        rows = _put_final_obs(last, truncated, infos)
        if len(rows):
            # Pass all environments, because a policy may treat them differently by number.
            _, values = policy(last.to(into.device))
            rows = rows.to(into.device)
            into[rows] = values[rows].float()

    def _store_next_obs(
        self, ended: Tensor, infos: dict[str, Any], buffer: RolloutBuffer, t: int
    ) -> None:
        """Store the observation after the step; at an episode's end, the episode's last one.

        If the environment doesn't report an episode's last observation, the one before the step is
        stored.
        """
        next_obs, before = buffer["next_obs"][t].copy_(as_tensor(self.obs)), buffer["obs"][t]
        over = ended.to(before.device).view(-1, *[1] * (before.dim() - 1))
        next_obs.copy_(torch.where(over, before, next_obs))
        _put_final_obs(next_obs, ended, infos)

    def _note_episodes(self, infos: dict[str, Any]) -> None:
        """Keep return, length and success of the episodes that ended."""
        facts = infos["episode"]
        for row in np.flatnonzero(infos["_episode"]):
            self.episodes.append([float(facts[key][row]) for key in ("r", "l", "success")])

    def get_state(self) -> dict[str, Any]:
        """Return the states of environment and generator, and recent episodes, as plain values."""
        return {
            "env": self.env.get_state(),
            "generator": self.generator.get_state(),
            "episodes": list(self.episodes),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.env.set_state(state["env"])
        self.generator.set_state(state["generator"].cpu())
        self.episodes = deque(state["episodes"], maxlen=EPISODE_WINDOW)
        self.obs = self.env.observe()


def _check_finite(column: Tensor, what: str) -> None:
    """Raise a `NumericsError` if a column `[T, N, ...]` has a number that is not finite."""
    if not column.is_floating_point():
        return
    finite = torch.isfinite(column)
    if not bool(finite.all()):
        bad = int((~finite).nonzero()[0, 1])
        raise NumericsError(f"{what} of environment {bad} is not finite")


def _put_final_obs(obs: Tensor, ended: Tensor, infos: dict[str, Any]) -> Tensor:
    """Overwrite observations `[N, ...]` of ended episodes by their last ones, if these are known.

    Returns:
        Numbers of the overwritten observations.
    """
    if "final_obs" not in infos:
        return ended.new_zeros(0, dtype=torch.int64)
    rows = (ended & as_tensor(infos["_final_obs"])).nonzero().flatten()
    for row in rows.tolist():
        obs[row] = as_tensor(infos["final_obs"][row])
    return rows
