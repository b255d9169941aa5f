"""The buffer for the rollout of an iteration."""

from __future__ import annotations

import torch
from torch import Tensor


class RolloutBuffer:
    """Columns of T steps of N environments, on the device that trains.

    Observations keep the environment's dtype and layout (`[T, N, H, W, C]`, uint8 for pixels). This
    needs a quarter of the memory of floats, and is already channels-last for the network.

    Args:
        num_steps: Number of steps, T.
        num_envs: Number of this process's environments, N.
        obs_shape: Shape of one observation.
        obs_dtype: Data type of observations.
        device: Device of the columns.
        keep_next_obs: Add two columns: `next_obs`, the observation after the step, which at an
            episode's end is not the next row's `obs`; and `terminated`, whether the episode ended
            with the step and was not truncated.
        whole_shape: Shape of a view of the whole world, kept in a column `whole` (uint8) from
            before each step; `None` keeps none. See `envs.StatefulVectorEnv`.
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
        whole_shape: tuple[int, ...] | None = None,
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
        if whole_shape is not None:
            self.columns["whole"] = torch.zeros(
                *size, *whole_shape, dtype=torch.uint8, device=device
            )

    def __getitem__(self, name: str) -> Tensor:
        return self.columns[name]

    def flat(self, name: str) -> Tensor:
        """Return a column as `[T * N, ...]`, without a copy."""
        return self.columns[name].flatten(0, 1)
