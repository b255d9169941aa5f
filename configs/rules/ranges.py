"""Check that every numeric option is in its range."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from chisel.configs.errors import ConfigError
from chisel.configs.schema import (
    AupConfig,
    AutoencoderConfig,
    AutoencoderNetConfig,
    AuxiliaryConfig,
    CnnConfig,
    CnnExpertsConfig,
    DeepAupConfig,
    DeepAuxiliaryConfig,
    EvalConfig,
    ExpertsConfig,
    GptConfig,
    GridExpertsConfig,
    GridMlpConfig,
    GridworldConfig,
    ImpalaConfig,
    LabelsConfig,
    LanguageConfig,
    LevelsConfig,
    MazeConfig,
    MnistConfig,
    OversightConfig,
    PPOConfig,
    RampConfig,
    ReinforceConfig,
    RoutingConfig,
    RunConfig,
    SafeLifeConfig,
    SlurmConfig,
    StoriesConfig,
    TrackingConfig,
    TrainerConfig,
)
from chisel.configs.suggest import shown

SEED_LIMIT = 2**31 - 1
"""Largest seed; procgen's seeds are 32-bit signed integers."""


@dataclass(frozen=True)
class Range:
    """An interval; with `above` (`below`), its lower (upper) bound is excluded."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False

    def holds(self, value: float) -> bool:
        """Return whether the value lies in the interval; NaN and infinities never do."""
        lower = value > self.low if self.above else value >= self.low
        upper = value < self.high if self.below else value <= self.high
        return math.isfinite(value) and lower and upper

    def __str__(self) -> str:
        bounds = []
        if self.low > -math.inf:
            bounds.append(f"{'above' if self.above else 'at least'} {self.low}")
        if self.high < math.inf:
            bounds.append(f"{'below' if self.below else 'at most'} {self.high}")
        return " and ".join(bounds) or "finite"


COUNT = Range(low=1)
NOT_NEGATIVE = Range(low=0)
POSITIVE = Range(low=0, above=True)
SEED = Range(low=0, high=SEED_LIMIT)
SHARE = Range(low=0, high=1)

_PPO: Mapping[str, Range] = {
    "num_steps": COUNT,
    "num_minibatches": COUNT,
    "update_epochs": COUNT,
    "learning_rate": POSITIVE,
    "adam_eps": POSITIVE,
    "gamma": SHARE,
    "gae_lambda": SHARE,
    "clip_coef": POSITIVE,
    "ent_coef": NOT_NEGATIVE,
    "vf_coef": NOT_NEGATIVE,
    "max_grad_norm": POSITIVE,
    "target_kl": POSITIVE,
    "norm_reward_gamma": SHARE,
    "reward_clip": POSITIVE,
}

_PENALTY: Mapping[str, Range] = {
    **_PPO,
    "aup_lambda": NOT_NEGATIVE,
    "aup_lambda_start": NOT_NEGATIVE,
    "aup_lambda_ramp": NOT_NEGATIVE,
}

_RANGES: dict[type, Mapping[str, Range]] = {
    RunConfig: {"frames": COUNT, "seed": SEED, "init_seed": SEED, "env_seed": SEED},
    MazeConfig: {
        "num_envs": COUNT,
        "region": NOT_NEGATIVE,
        "timeout": COUNT,
        "num_threads": NOT_NEGATIVE,
    },
    OversightConfig: {"num_envs": COUNT, "oversight": SHARE, "max_steps": COUNT},
    GridworldConfig: {"num_envs": COUNT, "max_steps": COUNT},
    SafeLifeConfig: {
        "num_envs": COUNT,
        "num_levels": COUNT,
        "level_seed": NOT_NEGATIVE,
        "time_limit": COUNT,
        "movement_bonus": NOT_NEGATIVE,
        "exit_bonus": NOT_NEGATIVE,
        "num_threads": Range(low=1, high=64),
    },
    RampConfig: {"start_frame": NOT_NEGATIVE, "end_frame": NOT_NEGATIVE},
    LevelsConfig: {
        "start": SEED,
        "num": SEED,
        "set_size": Range(low=0, high=10_000_000),
        "min_size": Range(low=3, high=31),
        "max_size": Range(low=3, high=31),
    },
    CnnConfig: {"channels": COUNT, "hidden": COUNT},
    CnnExpertsConfig: {"channels": COUNT, "hidden": COUNT},
    ImpalaConfig: {"channels": COUNT, "hidden": COUNT},
    AutoencoderNetConfig: {"hidden": COUNT, "code": Range(low=2)},
    MnistConfig: {"validation": Range(low=0, high=59_999)},
    StoriesConfig: {
        "stories": COUNT,
        "validation": COUNT,
        "test": COUNT,
        "seed": SEED,
        "noise": Range(low=0, high=0.5),
        "recall": Range(low=0, high=1, above=True),
        "precision": Range(low=0, high=1, above=True),
    },
    GptConfig: {"layers": COUNT, "width": COUNT, "heads": COUNT, "hidden": COUNT},
    LanguageConfig: {
        "batch_size": COUNT,
        "iteration_size": COUNT,
        "learning_rate": POSITIVE,
        "final_rate": SHARE,
        "warmup": NOT_NEGATIVE,
        "weight_decay": NOT_NEGATIVE,
        "beta2": Range(low=0, high=1, below=True),
        "max_grad_norm": POSITIVE,
    },
    AutoencoderConfig: {
        "batch_size": COUNT,
        "learning_rate": POSITIVE,
        "weight_decay": NOT_NEGATIVE,
        "l1_coef": NOT_NEGATIVE,
        "corr_coef": NOT_NEGATIVE,
    },
    ExpertsConfig: {"channels": COUNT, "hidden": COUNT, "gate_channels": COUNT},
    LabelsConfig: {
        "share": SHARE,
        "recall": SHARE,
        "precision": SHARE,
        "correlation": Range(low=0, high=1, below=True),
        "delay": NOT_NEGATIVE,
    },
    RoutingConfig: {
        "start": NOT_NEGATIVE,
        "ramp": NOT_NEGATIVE,
        "drop_start": NOT_NEGATIVE,
        "gate_coef": NOT_NEGATIVE,
        "alone_coef": NOT_NEGATIVE,
        "l1": NOT_NEGATIVE,
        "drop": SHARE,
    },
    GridExpertsConfig: {"hidden": COUNT},
    GridMlpConfig: {"hidden": COUNT},
    ReinforceConfig: {
        "num_steps": COUNT,
        "learning_rate": POSITIVE,
        "adam_eps": POSITIVE,
        "gamma": SHARE,
        "ent_coef": NOT_NEGATIVE,
        "vf_coef": NOT_NEGATIVE,
    },
    PPOConfig: _PPO,
    AupConfig: _PENALTY,
    DeepAupConfig: {**_PENALTY, "penalty_mean": POSITIVE},
    DeepAuxiliaryConfig: {
        "num": COUNT,
        "latent": COUNT,
        "frames": COUNT,
        "epochs": COUNT,
        "encoder_batch_size": COUNT,
        "encoder_learning_rate": POSITIVE,
        "steps": COUNT,
        "gamma": Range(low=0, high=1, below=True),
        "epsilon": SHARE,
        "replay": COUNT,
        "updates": COUNT,
        "batch_size": COUNT,
        "learning_rate": POSITIVE,
        "target_every": COUNT,
        "gate": Range(low=-1, high=1),
    },
    AuxiliaryConfig: {
        "num": COUNT,
        "hidden": COUNT,
        "steps": NOT_NEGATIVE,
        "exploring": SHARE,
        "gamma": Range(low=0, high=1, below=True),
        "replay": COUNT,
        "updates": COUNT,
        "batch_size": COUNT,
        "learning_rate": POSITIVE,
        "final_learning_rate": POSITIVE,
        "sweeps": COUNT,
    },
    TrainerConfig: {
        "devices": COUNT,
        "num_nodes": COUNT,
        "threads": COUNT,
        "checkpoint_every": COUNT,
        "keep_last": COUNT,
        "keep_every": COUNT,
        "max_minutes": POSITIVE,
    },
    TrackingConfig: {
        "video_every": COUNT,
        "field_every": COUNT,
        "studies_every": COUNT,
        "studies_levels": COUNT,
    },
    EvalConfig: {"levels": COUNT, "seed": SEED, "num_envs": COUNT},
    SlurmConfig: {
        "time": COUNT,
        "cpus": COUNT,
        "runs_per_job": COUNT,
        "signal_delay_s": COUNT,
        "max_num_timeout": NOT_NEGATIVE,
    },
}


def check_ranges(config: Any, prefix: str = "") -> None:
    """Check that every number of a config and of its groups is in its range; None passes.

    Raises:
        ConfigError: For the first number that is out of range, NaN or infinite.
    """
    ranges = _RANGES.get(type(config), {})
    for field in fields(config):
        value, key = getattr(config, field.name), f"{prefix}{field.name}"
        if is_dataclass(value):
            check_ranges(value, f"{key}.")
            continue
        allowed = ranges.get(field.name, Range())
        for number in _numbers(value):
            if not allowed.holds(number):
                raise ConfigError(f"{key} = {shown(number)}: must be {allowed}")


def _numbers(value: Any) -> Iterator[int | float]:
    if isinstance(value, Mapping):
        yield from _numbers(list(value.values()))
    elif isinstance(value, tuple | list):
        for member in value:
            yield from _numbers(member)
    elif isinstance(value, float) or type(value) is int:
        yield value
