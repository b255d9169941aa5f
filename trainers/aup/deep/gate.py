"""The check that auxiliary values are what their greedy policies really get."""

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
"""Times in the phase at which all worlds are saved."""
LEFT_OUT = 0.01
"""Discount of the rewards after the last step that is played."""


class Gate:
    """Compares auxiliary values with returns from saved world states.

    From each state the greedy policy of a reward plays on until the discount is 0.01, or the
    episode ends. The measure is Spearman's correlation, over all states, of its discounted return
    with the largest auxiliary value; of several rewards it is the least.

    Args:
        env: The environment whose states are saved; has `whole_view`.
        make_twin: Makes another one like it.
        gamma: Discount in [0, 1).
        least: The least correlation that passes.
        fails: What is done below it: print a warning, or stop the run.
    """

    def __init__(
        self,
        env: Any,
        make_twin: Callable[[], Any],
        *,
        gamma: float,
        least: float,
        fails: Literal["warn", "stop"],
    ) -> None:
        self._env, self._make_twin, self._gamma = env, make_twin, gamma
        self._least, self._fails = least, fails
        self._states: list[dict[str, Any]] = []
        self.correlation: float | None = None
        """What was found; `None` before."""

    def note(self, done: float) -> None:
        """Save the worlds, if the next part of the phase, of which `done` is done, is over."""
        if int(done * SNAPSHOTS) > len(self._states):
            self._states.append(self._env.get_state())

    def judge(
        self, values: Callable[[Tensor], Tensor], rewards: Callable[[Tensor], Tensor]
    ) -> float:
        """Measure and keep the correlation; NaN, which fails, where values are all the same.

        Args:
            values: Observations `[N, ...]` to Q `[N, K, A]`.
            rewards: Whole views `[N, h, w]` to the rewards `[N, K]` of being there.

        Raises:
            ChiselError: It is too low, and that is to stop the run.
        """
        found = []
        with closing(self._make_twin()) as twin:
            twin.reset(seed=0)
            num_rewards = values(as_tensor(twin.observe())).shape[1]
            for reward in range(num_rewards):
                pairs = [self._play(twin, s, reward, values, rewards) for s in self._states]
                predicted, returns = (np.concatenate(part) for part in zip(*pairs, strict=True))
                found.append(impact.rank_correlation(predicted, returns))
        self.correlation = float(np.min(found))
        self._states = []
        if not self.correlation >= self._least:
            self._fail(self.correlation)
        return self.correlation

    @torch.no_grad()
    def _play(
        self,
        twin: Any,
        state: dict[str, Any],
        reward: int,
        values: Callable[[Tensor], Tensor],
        rewards: Callable[[Tensor], Tensor],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values and discounted returns `[N]` of all worlds of a saved state."""
        twin.set_state(state)
        predicted = values(as_tensor(twin.observe()))[:, reward].amax(1).double().cpu().numpy()
        returns, alive = np.zeros(len(predicted)), np.ones(len(predicted), np.bool_)
        steps = math.ceil(math.log(LEFT_OUT) / math.log(self._gamma)) if self._gamma else 1
        for step in range(steps):
            paid = rewards(as_tensor(twin.whole_view()))[:, reward].double().cpu().numpy()
            returns += self._gamma**step * paid * alive
            actions = values(as_tensor(twin.observe()))[:, reward].argmax(1).cpu().numpy()
            _, _, terminated, truncated, _ = twin.step(actions)
            alive &= ~np.asarray(terminated | truncated)
            if not alive.any():
                break
        return predicted, returns

    def _fail(self, correlation: float) -> None:
        message = (
            f"the auxiliary values failed their gate: rank correlation {correlation:.2f} with what "
            f"their greedy policies get, below algo.aux.gate = {self._least:g}; learn them longer "
            "(algo.aux.steps, algo.aux.updates)"
        )
        if self._fails == "stop":
            raise ChiselError(message)
        print(f"warning: {message}", file=sys.stderr)

    def get_state(self) -> dict[str, Any]:
        """Return saved worlds and what was found."""
        return {"states": list(self._states), "correlation": self.correlation}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self._states, self.correlation = list(state["states"]), state["correlation"]
