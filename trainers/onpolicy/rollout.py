"""The rollout of one iteration, and the minibatches that are drawn from it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


class RolloutBuffer:
    """Columns of `T` steps of `N` environments, on the device that trains.

    Observations keep the environment's dtype and layout (`[T, N, H, W, C]`, uint8 for pixels): a
    quarter of the memory of floats, and already channels-last for the network.

    Args:
        num_steps: `T`.
        num_envs: `N`, of this process.
        obs_shape: Shape of one observation.
        obs_dtype: Its dtype.
        device: Where the columns live.
        keep_next_obs: Add two columns: `next_obs`, which at an episode's end is not the next row's
            `obs`, and `terminated`, whether the episode truly ended there and was not truncated.
    """

    def __init__(
        self,
        num_steps: int,
        num_envs: int,
        obs_shape: tuple[int, ...],
        obs_dtype: torch.dtype,
        device: torch.device,
        *,
        keep_next_obs: bool = False,
    ) -> None:
        self.num_steps, self.num_envs = num_steps, num_envs
        size = (num_steps, num_envs)
        self.columns: dict[str, Tensor] = {
            "obs": torch.zeros(*size, *obs_shape, dtype=obs_dtype, device=device),
            "actions": torch.zeros(size, dtype=torch.int64, device=device),
        }
        for name in ("log_probs", "values", "rewards", "bootstrap", "advantages", "returns"):
            self.columns[name] = torch.zeros(size, device=device)
        self.columns["dones"] = torch.zeros(size, dtype=torch.bool, device=device)
        self.keeps_next_obs = keep_next_obs
        if keep_next_obs:
            self.columns["next_obs"] = torch.zeros_like(self.columns["obs"])
            self.columns["terminated"] = torch.zeros_like(self.columns["dones"])

    def __getitem__(self, name: str) -> Tensor:
        return self.columns[name]

    def flat(self, name: str) -> Tensor:
        """Return a column as `[T * N, ...]`, without a copy."""
        return self.columns[name].flatten(0, 1)


class MinibatchLoader:
    """Shuffled minibatches of the current rollout, in several passes.

    It has a length, because Lightning prefetches from loaders without one and would collect the
    next rollout before training on this one. It draws from its own generator, which is saved.

    Args:
        buffer: The rollout, read anew in every pass.
        columns: Names of the columns that a minibatch holds.
        num_minibatches: Minibatches per pass; must divide `T * N`.
        update_epochs: Passes per iteration.
        generator: CPU generator of the permutations.
    """

    def __init__(
        self,
        buffer: RolloutBuffer,
        columns: tuple[str, ...],
        *,
        num_minibatches: int,
        update_epochs: int,
        generator: torch.Generator,
    ) -> None:
        self.buffer, self.columns, self.generator = buffer, columns, generator
        self.num_minibatches, self.update_epochs = num_minibatches, update_epochs
        self.batch_size = buffer.num_steps * buffer.num_envs
        if self.batch_size % num_minibatches:
            raise ValueError(f"{self.batch_size} steps do not divide into {num_minibatches} parts")

    def __len__(self) -> int:
        return self.num_minibatches * self.update_epochs

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        flat = {name: self.buffer.flat(name) for name in self.columns}
        device = flat[self.columns[0]].device
        for _ in range(self.update_epochs):
            order = torch.randperm(self.batch_size, generator=self.generator).to(device)
            for rows in order.chunk(self.num_minibatches):
                yield {name: column[rows] for name, column in flat.items()}
