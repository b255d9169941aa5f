"""Build what trains in this process from a config: environment or corpus, network, algorithm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from chisel import configs, envs, models
from chisel.configs import CheckpointError, ConfigError, RunConfig
from chisel.corpora import DataSet, TokenData, load_data
from chisel.models import Spaces
from chisel.trainers.onpolicy.ppo import PPO
from chisel.trainers.runs import seeding
from chisel.trainers.runs.versions import git_commit, versions


def device_of(config: RunConfig, local_rank: int = 0) -> torch.device:
    """Return the device of a process. Generators need it before Lightning sets it.

    Args:
        config: The run's config.
        local_rank: Number of the process on its machine.

    Raises:
        ConfigError: If there is no such device, or no GPU for `env.engine: device`.
    """
    options, count = config.trainer, torch.cuda.device_count()
    if (
        options.accelerator == "auto"
        and not count
        and getattr(config.env, "engine", "") == "device"
    ):
        raise ConfigError(
            "env.engine = device: torch sees no GPU; use env.engine=native, or "
            "trainer.accelerator=cpu if the CPU is meant"
        )
    if options.accelerator == "gpu" and not count:
        raise ConfigError("trainer.accelerator = gpu: torch sees no GPU; use cpu")
    if options.accelerator == "cpu" or not count:
        return torch.device("cpu")
    if options.devices > count:
        raise ConfigError(
            f"trainer.devices = {options.devices}: torch sees {count} GPU(s); ask for no more, or "
            "use trainer.accelerator=cpu"
        )
    return torch.device("cuda", local_rank)


def build_module(
    config: RunConfig,
    rank: int,
    device: torch.device,
    state: Mapping[str, Any] | None,
    warn: Callable[[str], None],
) -> Any:
    """Build the Lightning module of one process, with its network and environment or corpus.

    Args:
        config: The run's config.
        rank: Number of the process.
        device: Device that it trains on.
        state: The `chisel` part of the checkpoint that a resumed run goes on from; `None` for a new
            run.
        warn: Called with a line if a new run can't take over statistics from `init_from`.

    Raises:
        ConfigError: If parts of the config don't fit together.
        CheckpointError: If the weights of `init_from` can't be loaded or don't fit.
    """
    source, spaces = source_of(config)
    if envs.is_device_env(source):
        source.to(device)
        if config.trainer.compile:
            source.compile()
    model = models.build(config.model, spaces, nn.Module, seed=seeding.derive(config, "init"))
    ancestors: tuple[str, ...] | None = () if state is None else models.ancestors_of(state, config)
    starts_from = config.init_from if state is None else None
    if starts_from is not None:
        loaded = models.load(starts_from)
        models.require_match(
            starts_from, loaded.spaces.to_plain(), spaces.to_plain(), "environment"
        )
        models.load_weights(model, loaded.model.state_dict(), starts_from)
        ancestors = loaded.trained_on
    if config.trainer.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch stubs
    about = {
        "format": models.FORMAT,
        "config": configs.to_plain(config),
        "versions": versions(),
        "git": git_commit(),
        "wandb_run_id": None,
        "routing": None if state is None else state.get("routing"),
        "ancestors": ancestors,
        "spaces": spaces.to_plain(),
    }
    build = configs.registry.resolve("algo", config.algo.name)
    module = build(config, source, model, rank=rank, device=device, about=about)
    if starts_from is not None:
        _carry_reward_statistics(config, getattr(module, "algorithm", None), warn)
    if config.trainer.compile:
        module.model.compile()  # after routes are attached to it
    return module


def source_of(config: RunConfig) -> tuple[Any, Spaces]:
    """Make the environments of one process, or load the corpus, that a run learns from.

    Returns:
        The environments or the corpus, and the spaces of the network.

    Raises:
        ConfigError: If the algorithm does not learn from this kind of corpus.
    """
    learns_from = configs.registry.get("algo", config.algo.name).learns_from
    if learns_from == "world":
        world = config.trainer.processes
        # All processes have the same seed, so that they share the set of levels. The collector's
        # reset gives each its own random stream.
        env = envs.make(
            config.env, seed=seeding.derive(config, "env"), num_envs=config.env.num_envs // world
        )
        return env, models.spaces_of(env)
    data: DataSet | TokenData = load_data(config.corpus)
    if isinstance(data, DataSet) != (learns_from == "examples"):
        raise ConfigError(
            f"corpus.name = {config.corpus.name}: has no {learns_from}, from which "
            f"algo.name={config.algo.name} learns"
        )
    if isinstance(data, DataSet):
        height, width = data.train.images.shape[1:]
        return data, Spaces((height, width, 1), "float32", obs_high=1.0, num_actions=0)
    size, length = data.vocabulary, data.context_length
    return data, Spaces((length,), "int64", size - 1.0, num_actions=0, vocabulary=size)


def _carry_reward_statistics(
    config: RunConfig, algorithm: Any, warn: Callable[[str], None]
) -> None:
    """Take over the statistics that scale rewards from `init_from`, or warn that they start anew.

    The value head has learnt returns of that scale. Discounted returns start at 0, as episodes do.

    Args:
        config: The new run's config.
        algorithm: Its algorithm, which is changed if it scales rewards.
        warn: Called with a line that says why nothing was taken over.
    """
    ppo = getattr(algorithm, "ppo", algorithm)
    if not isinstance(ppo, PPO) or not ppo.options.norm_reward:
        return
    found, reason = _moments(config, Path(str(config.init_from)))
    if found is None:
        warn(f"rewards are scaled anew, not as in init_from={config.init_from}: {reason}")
    else:
        ppo.normalizer.adopt(found)


def _moments(config: RunConfig, source: Path) -> tuple[list[float] | None, str]:
    """Return mean, variance and count of the discounted return; or `None` and the reason."""
    try:
        path = models.find_checkpoint(source, lambda _: None)
        payload = models.read_checkpoint(path)["chisel"]
    except (CheckpointError, KeyError):
        return None, "it holds weights only"
    old, new = payload["config"].get("algo") or {}, configs.to_plain(config.algo)
    for key in ("name", "norm_reward"):
        if old.get(key) != new[key]:
            return None, f"it was trained with algo.{key}={old.get(key)}"
    if _discount(old) != _discount(new):
        return None, f"it was trained with another discount, {_discount(old)}"
    state = payload["algorithm"]
    return state.get("ppo", state)["moments"], ""


def _discount(algo: Mapping[str, Any]) -> float:
    """Return the discount of the returns that scale rewards."""
    own: float | None = algo.get("norm_reward_gamma")
    return float(algo["gamma"]) if own is None else own
