"""Collects rollouts: one forward pass per step, no gradient, every draw from a saved generator."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.configs import EnvironmentFault, NumericsError
from chisel.envs import StatefulVectorEnv, check_declarations, check_observations
from chisel.trainers.onpolicy.losses import action_log_prob
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from chisel.trainers.routed.labels import EpisodeLabeler

Policy = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Observations `[N, ...]` in the environment's layout to logits `[N, A]` and values `[N]`."""

EPISODE_WINDOW = 100
"""Episodes over which returns, lengths and successes are averaged for the log."""


class Collector:
    """Steps one vector environment under a policy and fills a rollout buffer.

    Args:
        env: In SAME_STEP autoreset (see `envs.StatefulVectorEnv`).
        seed: Seed of the environment's first reset.
        generator: Draws actions; on the device of the policy.
        labels: Gets the infos of every step; `None` labels nothing.

    Raises:
        EnvironmentFault: The environment cannot be trained in, by its declarations or by what
            `reset` returns.
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
        self.obs, _ = env.reset(seed=seed)
        check_observations(env, self.obs, "reset")

    @torch.inference_mode()
    def collect(self, policy: Policy, buffer: RolloutBuffer) -> Tensor:
        """Fill the columns that a policy's steps give, with raw rewards.

        Returns:
            V `[N]` of the observations after the last step.

        Raises:
            NumericsError: An observation, a reward or a logit is NaN or infinite.
            EnvironmentFault: The environment raised.
        """
        for t in range(buffer.num_steps):
            obs = self._copy_obs(buffer["obs"][t])
            logits, values = policy(obs)
            actions = self._sample(logits)
            buffer["actions"][t] = actions
            buffer["log_probs"][t], _ = action_log_prob(logits, actions)
            buffer["values"][t] = values.float()
            self._step(actions, policy, buffer, t)
        _, last_values = policy(self._copy_obs(torch.empty_like(buffer["obs"][0])))
        if not bool(torch.isfinite(last_values).all()):
            raise NumericsError("the value of the last observation is not finite")
        return last_values.float()

    def _copy_obs(self, into: Tensor) -> Tensor:
        """Copy the current observations into a tensor, and return it."""
        if self.obs.dtype.kind == "f" and not np.isfinite(self.obs).all():
            bad = int(np.argwhere(~np.isfinite(self.obs))[0][0])
            raise NumericsError(f"observation of environment {bad} is not finite")
        return into.copy_(torch.from_numpy(self.obs))

    def _sample(self, logits: Tensor) -> Tensor:
        """Sample from the softmax by exponential races, which cost one argmax and no host sync."""
        if not bool(torch.isfinite(logits).all()):
            raise NumericsError("policy logits are not finite")
        noise = torch.empty_like(logits, dtype=torch.float32).exponential_(generator=self.generator)
        return (logits.float() - noise.log()).argmax(-1)

    def _step(self, actions: Tensor, policy: Policy, buffer: RolloutBuffer, t: int) -> None:
        try:
            step = self.env.step(actions.cpu().numpy())
        except Exception as error:
            raise EnvironmentFault(
                f"the environment failed in step {t} of a rollout: {error}"
            ) from error
        self.obs, rewards, terminated, truncated, infos = step
        if not np.isfinite(rewards).all():
            bad = int(np.argwhere(~np.isfinite(rewards))[0][0])
            raise NumericsError(f"reward of environment {bad} is not finite")
        buffer["rewards"][t] = torch.from_numpy(np.asarray(rewards, dtype=np.float32))
        buffer["dones"][t] = torch.from_numpy(terminated | truncated)
        buffer["bootstrap"][t] = 0.0
        if buffer.keeps_next_obs:
            buffer["terminated"][t] = torch.from_numpy(terminated)
            self._store_next_obs(terminated | truncated, infos, buffer, t)
        if truncated.any():
            self._bootstrap(truncated & ~terminated, infos, policy, buffer["bootstrap"][t])
        self._note_episodes(infos)
        if self.labels is not None:
            self.labels.note(t, infos)

    def _bootstrap(
        self, truncated: NDArray[np.bool_], infos: dict[str, Any], policy: Policy, into: Tensor
    ) -> None:
        """Store the value of an episode's last observation where it was truncated there.

        Environments that don't report their last observation get no bootstrap.
        """
        known = truncated & np.asarray(infos.get("_final_obs", np.zeros_like(truncated)))
        rows = np.flatnonzero(known)
        if rows.size:
            # All environments go through the network, which may treat them differently by number.
            last = self.obs.copy()
            last[rows] = np.stack([np.asarray(infos["final_obs"][row]) for row in rows])
            _, values = policy(torch.from_numpy(last).to(into.device))
            into[torch.from_numpy(rows).to(into.device)] = values[rows].float()

    def _store_next_obs(
        self, ended: NDArray[np.bool_], infos: dict[str, Any], buffer: RolloutBuffer, t: int
    ) -> None:
        """Store the observation after the step; at an episode's end, not that of the next episode.

        Where the environment doesn't report an episode's last observation, the one before replaces
        it.
        """
        next_obs = buffer["next_obs"][t].copy_(torch.from_numpy(self.obs))
        for row in np.flatnonzero(ended):
            if "final_obs" in infos and infos["_final_obs"][row]:
                next_obs[row] = torch.from_numpy(np.asarray(infos["final_obs"][row]))
            else:
                next_obs[row] = buffer["obs"][t, row]

    def _note_episodes(self, infos: dict[str, Any]) -> None:
        """Keep return, length and success of the episodes that ended."""
        if "episode" not in infos:
            return
        facts = infos["episode"]
        for row in np.flatnonzero(infos["_episode"]):
            self.episodes.append([float(facts[key][row]) for key in ("r", "l", "success")])

    def get_state(self) -> dict[str, Any]:
        """Return environment, generator and recent episodes as plain values."""
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
