"""Building what trains in this process from a config: environment or data, network, algorithm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from chisel import configs, envs, models
from chisel.configs import CheckpointError, ConfigError, RunConfig
from chisel.trainers.onpolicy.ppo import PPO
from chisel.trainers.runs import seeding
from chisel.trainers.runs.versions import git_commit, versions


def device_of(config: RunConfig, local_rank: int = 0) -> torch.device:
    """Return the device of a process, before Lightning sets it: generators need it.

    Args:
        config: The run's config.
        local_rank: Number of the process on its machine.

    Raises:
        ConfigError: There is no such device.
    """
    options, count = config.trainer, torch.cuda.device_count()
    if options.accelerator == "gpu" and not count:
        raise ConfigError("trainer.accelerator: gpu was asked for, but torch sees none; use cpu")
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
    """Build the module of one process, with its environment or data set.

    Args:
        config: The run's config.
        rank: Number of the process.
        device: Where it trains.
        state: Our part of the checkpoint that training goes on from; `None` starts a run.
        warn: Called with one line on what a new run can't take over from `init_from`.
    """
    about = {
        "format": models.FORMAT,
        "config": configs.to_plain(config),
        "versions": versions(),
        "git": git_commit(),
        "wandb_run_id": None,
        "routing": None if state is None else state.get("routing"),
        "ancestors": () if state is None else models.ancestors_of(state, config),
    }
    if config.corpus is not None:
        learn = configs.registry.resolve("algo", config.algo.name)
        module = learn(config, about=about, fresh=state is None)
    else:
        module = _build_on_environment(config, rank, device, about, fresh=state is None)
        if state is None and config.init_from is not None:
            _carry_reward_statistics(config, getattr(module, "algorithm", None), warn)
    if config.trainer.compile:
        module.model.compile()  # after routes are attached to it
    return module


def _build_on_environment(
    config: RunConfig, rank: int, device: torch.device, about: dict[str, Any], *, fresh: bool
) -> Any:
    world = config.trainer.devices * config.trainer.num_nodes
    # All processes have one seed, so that they share the set of levels; the collector's reset gives
    # each of them its own stream.
    env = envs.make(
        config.env, seed=seeding.derive(config, "env"), num_envs=config.env.num_envs // world
    )
    spaces = models.spaces_of(env)
    model = models.build(config.model, spaces, seed=seeding.derive(config, "init"))
    if config.init_from is not None and fresh:
        agent = models.load_agent(config.init_from)
        found, wanted = agent.spaces.to_plain(), spaces.to_plain()
        models.require_match(config.init_from, found, wanted, "environment")
        models.load_weights(model, agent.model.state_dict(), config.init_from)
        about = about | {"ancestors": agent.trained_on}
    if config.trainer.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch stubs
    build = configs.registry.resolve("algo", config.algo.name)
    about = about | {"spaces": spaces.to_plain()}
    return build(config, env, model, rank=rank, device=device, about=about)


def _carry_reward_statistics(
    config: RunConfig, algorithm: Any, warn: Callable[[str], None]
) -> None:
    """Take over the statistics that scale rewards from `init_from`, or warn that they start anew.

    The value head has learnt returns of that scale. Discounted returns start at 0, as the episodes
    do.

    Args:
        config: The new run's config.
        algorithm: Its algorithm; one that doesn't scale rewards is not changed.
        warn: Called with one line on why nothing was taken over.
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
    """Read mean, variance and count of the discounted return; or return `None`, and why."""
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
