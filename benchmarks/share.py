"""Measure the share of an iteration that Lightning, callbacks and logs take.

A stopwatch runs during PPO's own work (rollout, advantages, minibatches, losses, backward,
clipping, optimiser step). The rest of the time between two rows of the log is their share.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any


class Stopwatch:
    """Measures the seconds spent inside wrapped functions; nested calls count once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth, self._since = 0, 0.0

    def _enter(self, depth: int) -> int:
        """Set the number of running wrapped functions, and return how many there were."""
        now, before = time.perf_counter(), self._depth
        if before:
            self.seconds += now - self._since
        self._since, self._depth = now, depth
        return before

    def wrap(self, function: Callable[..., Any], *, counts: bool = True) -> Callable[..., Any]:
        """Return the function with timing.

        Without `counts`, its time is left out of the time of a timed function around it.
        """

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            before = self._enter(self._depth + 1 if counts else 0)
            try:
                return function(*args, **kwargs)
            finally:
                self._enter(before)

        return timed


def watch_ppo() -> Stopwatch:
    """Wrap the PPO of this process in a stopwatch, and return it."""
    from chisel.trainers.onpolicy.module import OnPolicy
    from chisel.trainers.runs.iterations import MinibatchLoader

    watch = Stopwatch()
    for name in (
        "on_train_epoch_start",
        "training_step",
        "backward",
        "configure_gradient_clipping",
        "optimizer_zero_grad",
    ):
        setattr(OnPolicy, name, watch.wrap(getattr(OnPolicy, name)))
    step, minibatches = OnPolicy.optimizer_step, MinibatchLoader.__iter__

    def optimizer_step(
        module: OnPolicy, epoch: int, batch: int, optimizer: Any, closure: Callable[[], Any]
    ) -> None:
        # Lightning runs the loss and its backward in here, which are timed by themselves.
        step(module, epoch, batch, optimizer, watch.wrap(closure, counts=False))

    def timed_minibatches(loader: MinibatchLoader) -> Iterator[Any]:
        drawn = minibatches(loader)
        draw = watch.wrap(lambda: next(drawn, None))
        return iter(draw, None)

    OnPolicy.optimizer_step = watch.wrap(optimizer_step)  # type: ignore[method-assign]  # this process only
    MinibatchLoader.__iter__ = timed_minibatches  # type: ignore[method-assign]  # this process only
    return watch
