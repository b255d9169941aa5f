"""What a new run takes over from the one in `init_from`, beside its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chisel import configs, models
from chisel.configs import CheckpointError, RunConfig
from chisel.trainers.onpolicy.ppo import PPO


def carry_reward_statistics(config: RunConfig, algorithm: Any, warn: Callable[[str], None]) -> None:
    """Go on scaling rewards as the run in `init_from` did, or warn that scaling starts anew.

    The value head has learnt returns of that scale. Discounted returns start at 0, as the episodes
    do.

    Args:
        config: the new run's.
        algorithm: its algorithm; one that doesn't scale rewards is left alone.
        warn: told in one line why nothing was taken over.
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
    """Mean, variance and count of the discounted return; or None, and why."""
    try:
        path = source if source.is_file() else models.find_checkpoint(source, lambda _: None)
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
    """Of the returns by which rewards are scaled."""
    own: float | None = algo.get("norm_reward_gamma")
    return float(algo["gamma"]) if own is None else own
