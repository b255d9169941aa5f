"""The setting of all contenders: the same environment, network and hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chisel import configs
from chisel.configs import RunConfig

QUIET = (
    "tracking.mode=disabled",
    "trainer.progress=false",
    "trainer.accelerator=cpu",
    "trainer.checkpoint_every=1000000",
)
STANDARD = (
    "env.observation=pixels",
    "env.cheese=stock",
    "env.num_envs=64",
    "algo.num_steps=64",
    "algo.num_minibatches=8",
    "algo.update_epochs=3",
    "algo.norm_adv=minibatch",
    "algo.norm_reward_gamma=null",
    "algo.anneal_lr=false",
    *QUIET,
)
"""Overrides for an Impala 16-32-32 on 64x64 pixels of easy mazes, with 64 envs of 64 steps, 8
minibatches and 3 epochs."""

TOY = (
    "env.num_envs=4",
    "algo.num_steps=8",
    "algo.num_minibatches=2",
    "algo.update_epochs=1",
    "model.channels=[4,4,4]",
    "model.hidden=16",
)
"""Overrides that shorten this to a second, to see that the harness works."""


@dataclass(frozen=True)
class Setting:
    """The options that a measurement varies."""

    precision: str = "32-true"
    toy: bool = False
    num_steps: int | None = None
    """Steps per environment and iteration; `None` takes those of `STANDARD`."""
    safelife: bool = False
    """Whether the setting is that of `safelife/ppo`, with the network and the hyperparameters of
    Turner et al. (2020, arXiv 2006.06547)."""

    def config(self, extra: Sequence[str] = ()) -> RunConfig:
        """Return the config of a run."""
        experiment, standard = ("safelife/ppo", QUIET) if self.safelife else ("maze/easy", STANDARD)
        overrides = [*standard, *(TOY if self.toy else ()), f"trainer.precision={self.precision}"]
        if self.num_steps is not None:
            overrides.append(f"algo.num_steps={self.num_steps}")
        chosen = dict(one.split("=", 1) for one in [*overrides, *extra])
        return configs.load(experiment, [f"{key}={value}" for key, value in chosen.items()])
