"""The gate of deep AUP: check that auxiliary values predict the returns of greedy policies."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel import impact
from chisel.configs import ChiselError
from chisel.models import as_tensor

SNAPSHOTS = 8
"""Number of times in the phase at which the states of all environments are saved."""
LEFT_OUT = 0.05
"""Discount at which playing stops; later rewards are left out."""

Values = Callable[[Tensor], Tensor]
"""Function from observations `[N, ...]` to Q `[N, K, A]`."""
Rewards = Callable[[Tensor], Tensor]
"""Function from views of the whole world `[N, h, w]` to rewards `[N, K]`."""


class Gate:
    """Compares auxiliary values with returns from saved states of the environments.

    From each state each action is tried. Then the greedy policy of a reward plays on until the
    discount is 0.05, or the episode ends. Two Spearman correlations over all states are measured;
    with several rewards, the least of each counts. The first is that of the largest value with the
    return of its action; it must be at least `least`. The second, which is only logged, is that of
    the penalties `|Q(s, a) - Q(s, noop)|` of all other actions with the differences of returns.

    Args:
        env: The environment whose states are saved; it has `whole_view`.
        make_twin: Function that makes another environment like it.
        noop: The action that does nothing.
        gamma: Discount in [0, 1).
        least: Least correlation of values that passes, in [-1, 1].
        fails: Reaction to a lower one: print a warning, or stop the run.
        device: Device on which values are computed.
    """

    def __init__(
        self,
        env: Any,
        make_twin: Callable[[], Any],
        *,
        noop: int,
        gamma: float,
        least: float,
        fails: Literal["warn", "stop"],
        device: torch.device,
    ) -> None:
        self._env, self._make_twin, self._noop, self._gamma = env, make_twin, noop, gamma
        self._least, self._fails, self._device = least, fails, device
        self._states: list[dict[str, Any]] = []
        self.found: dict[str, float] = {}
        """Both correlations by the names of their metrics; empty before `judge`."""

    def note(self, done: float) -> None:
        """Save the environments' states when another 1/8 of the phase is over.

        Args:
            done: Share of the phase that is done.
        """
        if int(done * SNAPSHOTS) > len(self._states):
            self._states.append(self._env.get_state())

    def judge(self, values: Values, rewards: Rewards) -> dict[str, float]:
        """Measure, keep and return the correlations.

        A correlation is NaN if all values are equal; that does not pass.

        Args:
            values: The auxiliary values.
            rewards: The auxiliary rewards.

        Raises:
            ChiselError: If the correlation of values is too low and `fails` is `stop`.
        """
        found = []
        with closing(self._make_twin()) as twin:
            twin.reset(seed=0)
            for reward in range(values(self._seen(twin)).shape[1]):
                pairs = [self._returns(twin, s, reward, values, rewards) for s in self._states]
                predicted, returns = (np.concatenate(part) for part in zip(*pairs, strict=True))
                found.append(self._correlations(predicted, returns))
        value, penalty = np.min(found, axis=0)
        self.found = {"aup/gate": float(value), "aup/gate_penalty": float(penalty)}
        self._states = []
        if not value >= self._least:
            self._fail(float(value))
        return self.found

    def _correlations(
        self, predicted: NDArray[np.float64], returns: NDArray[np.float64]
    ) -> tuple[float, float]:
        """Correlate values and returns, `[S, A]` each; see the class."""
        best = predicted.argmax(1)[:, None]
        got = np.take_along_axis(returns, best, 1)
        differences = [
            np.delete(np.abs(one - one[:, [self._noop]]), self._noop, 1)
            for one in (predicted, returns)
        ]
        return (
            impact.rank_correlation(predicted.max(1), got[:, 0]),
            impact.rank_correlation(differences[0].ravel(), differences[1].ravel()),
        )

    @torch.no_grad()
    def _returns(
        self, twin: Any, state: dict[str, Any], reward: int, values: Values, rewards: Rewards
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values and discounted returns of first actions, both `[N, A]`, from a state."""
        twin.set_state(state)
        predicted = values(self._seen(twin))[:, reward].double().cpu().numpy()
        returns = np.zeros_like(predicted)
        for first in range(predicted.shape[1]):
            twin.set_state(state)
            returns[:, first] = self._play(twin, first, reward, values, rewards)
        return predicted, returns

    def _play(
        self, twin: Any, first: int, reward: int, values: Values, rewards: Rewards
    ) -> NDArray[np.float64]:
        """Play the action `first`, then greedily; return the discounted returns `[N]`."""
        returns, alive = np.zeros(twin.num_envs), np.ones(twin.num_envs, np.bool_)
        steps = math.ceil(math.log(LEFT_OUT) / math.log(self._gamma)) if self._gamma else 1
        actions = np.full(twin.num_envs, first)
        for step in range(steps):
            paid = rewards(as_tensor(twin.whole_view()))[:, reward].double().cpu().numpy()
            returns += self._gamma**step * paid * alive
            _, _, terminated, truncated, _ = twin.step(actions)
            alive &= ~np.asarray(terminated | truncated)
            if not alive.any():
                break
            actions = values(self._seen(twin))[:, reward].argmax(1).cpu().numpy()
        return returns

    def _seen(self, twin: Any) -> Tensor:
        return as_tensor(twin.observe()).to(self._device)

    def _fail(self, correlation: float) -> None:
        message = (
            f"the auxiliary values failed their gate: rank correlation {correlation:.2f} with the "
            f"returns of their greedy policies, below algo.aux.gate = {self._least:g}; learn them "
            "longer (algo.aux.steps, algo.aux.updates)"
        )
        if self._fails == "stop":
            raise ChiselError(message)
        print(f"warning: {message}", file=sys.stderr)

    def get_state(self) -> dict[str, Any]:
        """Return the saved states and the correlations."""
        return {"states": list(self._states), "found": dict(self.found)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self._states, self.found = list(state["states"]), dict(state["found"])
