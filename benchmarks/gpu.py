"""`python -m benchmarks gpu`: time training on one GPU beside the loops of other libraries.

The results go to `benchmarks/results/gpu.json`. It takes at most 8 minutes; contenders for which no
time is left are marked as left out. On a CPU, `--toy` shows that everything runs.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch

from benchmarks import machine
from benchmarks.captured import Captured
from benchmarks.gpu_peers import Peer
from chisel import configs
from chisel.configs import RunConfig
from chisel.trainers.runs.assembly import build_module

PIXELS = (
    "env.observation=pixels",
    "env.use_backgrounds=false",
    "env.use_monochrome_assets=true",
    "env.num_envs=256",
)
SETTINGS: dict[str, tuple[str, ...]] = {
    "pixels, 16-32-32, 256": PIXELS,
    "pixels, 64-128-128, 256": (*PIXELS, "model.channels=[64,128,128]"),
    **{
        f"symbolic, 16-32-32, {num}": ("env.observation=symbolic", f"env.num_envs={num}")
        for num in (256, 1024, 4096, 16_384)
    },
}
COMMON = (
    "env.levels.set_size=2000",
    "env.levels.max_size=9",
    "algo.num_steps=64",
    "algo.norm_adv=minibatch",
    "algo.anneal_lr=false",
    "frames=1_000_000_000",
)
TOY = ("env.num_envs=4", "algo.num_steps=8", "algo.num_minibatches=2", "model.channels=[4,4,4]")
WARM = 2
"""Number of first iterations, which compile, capture and fill caches."""


class Clock:
    """Times iterations.

    Args:
        seconds: Time to measure in seconds; at least one iteration is measured.
        device: Device whose work must be finished at the end of an iteration.
    """

    def __init__(self, seconds: float, device: torch.device) -> None:
        self._seconds, self._device = seconds, device
        self.ends: list[float] = []

    def done(self) -> bool:
        """Note the end of an iteration, and return whether it was the last one."""
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())
        return len(self.ends) > WARM and self.ends[-1] - self.ends[WARM - 1] >= self._seconds

    def seconds(self) -> float:
        """Return the mean seconds of an iteration."""
        return (self.ends[-1] - self.ends[WARM - 1]) / (len(self.ends) - WARM)


class _Stop(L.Callback):
    """Ends a training when its clock says so."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the end of an iteration."""
        trainer.should_stop = self._clock.done()


def _ours(config: RunConfig, device: torch.device, clock: Clock) -> None:
    """Train as `chisel train` does, without logs and checkpoints."""
    trainer = L.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        precision=config.trainer.precision,
        max_epochs=10**6,
        callbacks=[_Stop(clock)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(build_module(config, 0, device, None, print))


def _captured(config: RunConfig, device: torch.device, clock: Clock) -> None:
    module = build_module(config, 0, device, None, print)
    captured = Captured(module, device, bf16=config.trainer.precision == "bf16-mixed")
    _repeat(captured.iteration, clock)


def _cleanrl(config: RunConfig, device: torch.device, clock: Clock) -> None:
    _repeat(Peer(config, device, lean=False).iteration, clock)


def _leanrl(config: RunConfig, device: torch.device, clock: Clock) -> None:
    _repeat(Peer(config, device, lean=True).iteration, clock)


def _repeat(iteration: Callable[[], None], clock: Clock) -> None:
    while True:
        iteration()
        if clock.done():
            return


Run = Callable[[RunConfig, torch.device, Clock], None]
CONTENDERS: dict[str, tuple[Run, tuple[str, ...]]] = {
    "Chisel": (_ours, ("env.engine=device", "trainer.precision=bf16-mixed")),
    "Chisel, captured": (_captured, ("env.engine=device", "trainer.precision=bf16-mixed")),
    "CleanRL's form": (_cleanrl, ()),
    "LeanRL's form": (_leanrl, ()),
    "Chisel, compiled": (
        _ours,
        ("env.engine=device", "trainer.precision=bf16-mixed", "trainer.compile=true"),
    ),
}
"""Function and options of each contender, in the order in which they run."""


def measure(*, minutes: float, seconds: float, toy: bool) -> dict[str, Any]:
    """Time each contender in each setting.

    Args:
        minutes: Time in minutes after which no new contender is started.
        seconds: Time to measure each contender in seconds.
        toy: Whether sizes are tiny and the device is the CPU.

    Returns:
        By setting and contender, frames per second and the number of iterations; or the reason why
        there are none.
    """
    device = torch.device("cpu" if toy else "cuda")
    end = time.monotonic() + 60 * minutes
    found: dict[str, Any] = {}
    for setting, options in SETTINGS.items():
        for name, (run, own) in CONTENDERS.items():
            into = found.setdefault(setting, {})
            if time.monotonic() > end:
                into[name] = "left out: no time"
                continue
            config = _config([*COMMON, *options, *own, *(TOY if toy else ())], device)
            clock = Clock(seconds, device)
            try:
                run(config, device, clock)
            except torch.cuda.OutOfMemoryError:
                into[name] = "out of memory"
                continue
            frames = config.env.num_envs * config.algo.num_steps
            counted = len(clock.ends) - WARM
            into[name] = {"frames_per_s": frames / clock.seconds(), "iterations": counted}
            print(f"{setting:28} {name:18} {into[name]['frames_per_s']:14,.0f} frames/s")
            _forget(device)
    return found


def _config(overrides: Sequence[str], device: torch.device) -> RunConfig:
    kind = "gpu" if device.type == "cuda" else "cpu"
    chosen = dict(one.split("=", 1) for one in [*overrides, f"trainer.accelerator={kind}"])
    return configs.load("maze/easy", [f"{key}={value}" for key, value in chosen.items()])


def _forget(device: torch.device) -> None:
    gc.collect()
    torch._dynamo.reset()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=7.0, help="time after which no contender is started"
    )
    parser.add_argument("--seconds", type=float, default=6.0, help="time to measure each contender")
    parser.add_argument("--toy", action="store_true", help="tiny sizes, on the CPU")
    parser.add_argument("--out", default="benchmarks/results/gpu.json")
    given = parser.parse_args(arguments)
    if not (given.toy or torch.cuda.is_available()):
        parser.error("torch sees no GPU; --toy runs tiny sizes on the CPU")
    found = measure(minutes=given.minutes, seconds=given.seconds, toy=given.toy)
    name = "CPU" if given.toy else torch.cuda.get_device_name()
    text = json.dumps({"machine": machine.stamp() | {"device": name}, "results": found}, indent=1)
    Path(given.out).write_text(text + "\n", "utf-8")
