"""Read the penalty of a trained agent from its checkpoint, for use outside of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from chisel import envs, models
from chisel.configs import CheckpointError, DeepAupConfig, RunConfig
from chisel.trainers.aup.build import make_aup
from chisel.trainers.aup.deep.build import make_deep_aup
from chisel.trainers.aup.module import Aup


@dataclass(frozen=True, eq=False)
class Charge:
    """The penalty of an agent's actions, as at the end of its training."""

    algorithm: Aup

    @property
    def weight(self) -> float:
        """λ, which multiplies the penalty before it is subtracted from the reward."""
        return self.algorithm.current_lambda()

    def __call__(self, obs: Tensor) -> Tensor:
        """Compute penalties `[B, A]` of all actions on observations in the environment's layout."""
        values = self.algorithm.auxiliary.values(obs)
        each = [
            self.algorithm.penalties(values, torch.full((len(obs),), action))
            for action in range(values.shape[2])
        ]
        scaling = self.algorithm.scaling
        return torch.stack(each, 1) * (1.0 if scaling is None else scaling.factor)


def saved_charge(file: Path, config: RunConfig) -> Charge:
    """Read the penalty of an agent of `algo.name: aup` or `deep-aup`.

    Args:
        file: The agent's checkpoint.
        config: The agent's config.

    Raises:
        CheckpointError: If the checkpoint holds no auxiliary values.
    """
    env = envs.make(config.env, seed=0, num_envs=config.env.num_envs)
    return Charge(load_aup(file, config, env))


def load_aup(file: Path, config: RunConfig, env: Any) -> Aup:
    """Load the algorithm of `aup` or `deep-aup` from a checkpoint, on the CPU.

    Args:
        file: The checkpoint.
        config: The run's config.
        env: The run's environment.

    Raises:
        CheckpointError: If the checkpoint holds no auxiliary values.
    """
    payload = models.read_checkpoint(file)
    make = make_deep_aup if isinstance(config.algo, DeepAupConfig) else make_aup
    algorithm = make(config, env, device=torch.device("cpu"))
    try:
        algorithm.set_state(payload["chisel"]["algorithm"])
    except (KeyError, TypeError, RuntimeError) as error:
        name = config.algo.name
        raise CheckpointError(f"{file} holds no auxiliary values of algo.name={name}") from error
    return algorithm
