"""Attainable utility preservation (AUP) on PPO: the penalty, and the two phases of training."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from chisel import impact
from chisel.configs import PenaltyConfig
from chisel.trainers.aup.penalty_mean import PenaltyMean
from chisel.trainers.onpolicy.collector import Policy
from chisel.trainers.onpolicy.module import Algorithm, Losses, Outputs
from chisel.trainers.onpolicy.ppo import PPO
from chisel.trainers.onpolicy.rollout import RolloutBuffer

SMALLEST_SCALE = 1.0
"""Least divisor of penalties: the largest value of a step that ends the episode."""


def penalty(
    values: Tensor,
    actions: Tensor,
    noop: int,
    *,
    deviation: Literal["absolute", "decrease"],
    scale: Literal["noop", "none"],
) -> Tensor:
    """Compute how much actions change attainable utility, compared with doing nothing.

    The penalty is `mean_k |Q_k(s, a) - Q_k(s, noop)| / Q_k(s, noop)` (arXiv 1902.09725, equation 2,
    without rollouts). `impact.step_penalty` is the same for exact values, with any divisor. Here
    the divisor is at least 1, because a learnt value may be near 0 by its error alone.

    Args:
        values: Q `[B, K, A]`.
        actions: Actions, int `[B]`.
        noop: The action that does nothing.
        deviation: `absolute` counts every change, `decrease` only decreases.
        scale: `noop` divides by the value of doing nothing, `none` does not divide.

    Returns:
        Penalties `[B]`, at least 0, and 0 for doing nothing.
    """
    inaction = values[:, :, noop]
    acted = values[torch.arange(len(actions), device=actions.device), :, actions]
    change = impact.utility_change(acted, inaction, deviation)
    if scale == "noop":
        change = change / inaction.abs().clamp_min(SMALLEST_SCALE)
    return change.mean(1)


class AuxiliaryValues(Protocol):
    """Action values Q of K auxiliary rewards, learnt before the agent or beside it."""

    @property
    def exploration(self) -> Policy:
        """The policy that collects the rollouts of the auxiliary phase."""

    def values(self, obs: Tensor) -> Tensor:
        """Compute Q `[B, K, A]`, in units of the rewards; `obs` have the environment's layout."""

    def learn(self, rollout: RolloutBuffer, done: float) -> dict[str, float]:
        """Learn from a rollout; return metrics to log.

        Args:
            rollout: Rollout of `exploration` in the auxiliary phase, and of the agent after it. It
                has `next_obs`, and views of the whole world if the algorithm needs them.
            done: Share of the auxiliary phase that is done before this rollout; 1 after the phase.

        Raises:
            NumericsError: If a number is not finite.
        """

    def stop(self) -> dict[str, float]:
        """Free what only `learn` needs, when it is not called any more; return metrics to log.

        Raises:
            ChiselError: If the values are not good enough to train the agent with.
        """

    def get_state(self) -> dict[str, Any]:
        """Return all that `values` and `learn` depend on, as plain values and tensors."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""


class Aup(Algorithm):
    """PPO on rewards from which the penalty is subtracted.

    The auxiliary phase comes first. It explores and learns the auxiliary values, without changing
    the agent. Then the agent learns.

    Args:
        options: Hyperparameters of PPO and of the penalty.
        ppo: PPO, which learns from the penalised rewards.
        auxiliary: The auxiliary values.
        noop: The action that does nothing.
        frames_per_iteration: Environment steps of a rollout, over all environments.
        num_iterations: Planned iterations of both phases.
        auxiliary_iterations: Iterations of the auxiliary phase.
        learn_on: Whether auxiliary values also learn from the agent's steps.
        needs_whole_view: Whether they learn from views of the whole world; see
            `envs.StatefulVectorEnv`.
        scaling: Scaling of penalties to a mean; `None` does not scale.
    """

    needs_next_obs = True

    def __init__(
        self,
        options: PenaltyConfig,
        ppo: PPO,
        auxiliary: AuxiliaryValues,
        *,
        noop: int,
        frames_per_iteration: int,
        num_iterations: int,
        auxiliary_iterations: int,
        learn_on: bool = False,
        needs_whole_view: bool = False,
        scaling: PenaltyMean | None = None,
    ) -> None:
        self.options, self.ppo, self.auxiliary, self.noop = options, ppo, auxiliary, noop
        self.learn_on, self.needs_whole_view, self.scaling = learn_on, needs_whole_view, scaling
        self.columns, self.num_steps = ppo.columns, ppo.num_steps
        self.num_minibatches, self.update_epochs = ppo.num_minibatches, ppo.update_epochs
        self.adam_eps, self.max_grad_norm, self.target_kl = (
            ppo.adam_eps,
            ppo.max_grad_norm,
            ppo.target_kl,
        )
        self._frames, self._num_iterations = frames_per_iteration, num_iterations
        self._auxiliary_iterations = auxiliary_iterations
        self._iterations_done = 0
        self._metrics: dict[str, float] = {}

    @property
    def in_auxiliary_phase(self) -> bool:
        """Whether the next iteration belongs to the auxiliary phase."""
        return self._iterations_done < self._auxiliary_iterations

    @property
    def exploration_policy(self) -> Policy | None:
        """The exploration policy in the auxiliary phase; then `None`, so that the agent acts."""
        return self.auxiliary.exploration if self.in_auxiliary_phase else None

    def learning_rate(self, progress: float) -> float:
        """Return PPO's learning rate, annealed over the agent's phase only."""
        if not self._auxiliary_iterations:
            return self.ppo.learning_rate(progress)
        agents = max(1, self._num_iterations - self._auxiliary_iterations)
        return self.ppo.learning_rate(
            max(0.0, (progress * self._num_iterations - self._auxiliary_iterations) / agents)
        )

    def finish(self, buffer: RolloutBuffer, last_values: Tensor) -> None:
        """Learn auxiliary values in the first phase; penalise rewards for PPO in the second.

        With `learn_on` auxiliary values are learnt in both.

        Raises:
            NumericsError: If a number is not finite.
            ChiselError: If the auxiliary values are not good enough to train the agent with.
        """
        auxiliary_phase = self.in_auxiliary_phase
        self._metrics = {}
        if auxiliary_phase or self.learn_on:
            share = self._iterations_done / self._auxiliary_iterations if auxiliary_phase else 1.0
            self._metrics |= self.auxiliary.learn(buffer, share)
        if not auxiliary_phase:
            self._shape(buffer)
            self.ppo.finish(buffer, last_values)
        self._iterations_done += 1
        if auxiliary_phase and not self.in_auxiliary_phase and not self.learn_on:
            self._metrics |= self.auxiliary.stop()

    def current_lambda(self) -> float:
        """Return λ of the next iteration of the agent's phase."""
        options = self.options
        if options.aup_lambda_start is None or not options.aup_lambda_ramp:
            return options.aup_lambda
        steps = max(0, self._iterations_done - self._auxiliary_iterations) * self._frames
        share = min(1.0, steps / options.aup_lambda_ramp)
        start = options.aup_lambda_start
        return start + share * (options.aup_lambda - start)

    def penalties(self, values: Tensor, actions: Tensor) -> Tensor:
        """Compute unscaled penalties `[B]` of actions `[B]` from auxiliary values `[B, K, A]`."""
        deviation, scale = self.options.deviation, self.options.scale
        return penalty(values, actions, self.noop, deviation=deviation, scale=scale)

    def _shape(self, buffer: RolloutBuffer) -> None:
        """Subtract λ times the penalty from the rewards, in place."""
        values = self.auxiliary.values(buffer.flat("obs"))
        found = self.penalties(values, buffer.flat("actions"))
        aup_lambda = self.current_lambda()
        if self.scaling is not None:
            found = self.scaling(found, aup_lambda)
        buffer.flat("rewards").sub_(aup_lambda * found)
        self._metrics |= {"aup/penalty": float(found.mean()), "aup/lambda": aup_lambda}

    def losses(self, outputs: Outputs, batch: dict[str, Tensor]) -> Losses:
        """Compute PPO's loss."""
        return self.ppo.losses(outputs, batch)

    def metrics(self) -> dict[str, float]:
        """Return the mean penalty and λ in the agent's phase, and metrics of auxiliary values."""
        return self._metrics

    def get_state(self) -> dict[str, Any]:
        """Return the iterations done, and the states of auxiliary values, PPO and scaling."""
        scaling = {} if self.scaling is None else {"scaling": self.scaling.get_state()}
        return {
            "done": self._iterations_done,
            "auxiliary": self.auxiliary.get_state(),
            "ppo": self.ppo.get_state(),
        } | scaling

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self._iterations_done = state["done"]
        self.auxiliary.set_state(state["auxiliary"])
        self.ppo.set_state(state["ppo"])
        if self.scaling is not None:
            self.scaling.set_state(state["scaling"])
