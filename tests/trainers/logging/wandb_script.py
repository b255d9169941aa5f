"""Logs a run with W&B in a process of its own: `python wandb_script.py FOLDER MODE STEPS…`.

Each step is `log:FROM:TO`, `flush:ITERATION` (wait until W&B's file has it), `kill`,
`media:ITERATION`, `checkpoint`, `crash`, `finish` or `ask` (say so, and wait for a line of input).
A folder that holds an `id` file is resumed at the iteration in its `at` file. Warnings and the
addresses that Python connects to are printed as JSON; sockets of the file system, which wandb talks
to its own service through, are left out.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

CONNECTED: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        CONNECTED.append(str(arguments[0]))
    elif event in ("socket.connect", "socket.sendto") and not isinstance(arguments[1], str):
        CONNECTED.append(str(arguments[1]))


def start(folder: Path, mode: Any, warnings: list[str]) -> Any:
    from chisel.configs import ImpalaConfig, MazeConfig, PPOConfig, RunConfig, TrackingConfig
    from chisel.trainers.logging import wandb_run
    from chisel.trainers.logging.tracking import make_loggers

    wandb_run.INIT_SECONDS = 30.0 if "WAIT" in os.environ else 2.0
    wandb_run.FINISH_SECONDS = 3.0
    config = RunConfig(
        experiment="maze/quick",
        env=MazeConfig(),
        model=ImpalaConfig(),
        algo=PPOConfig(),
        tracking=TrackingConfig(mode=mode, tags=("a",), log_artifacts=True),
    )
    identity, at = folder / "id", folder / "at"
    tracking = make_loggers(
        config,
        folder,
        wandb_run_id=identity.read_text() if identity.exists() else None,
        last_iteration=int(at.read_text()) if at.exists() else 0,
        warn=warnings.append,
    )
    identity.write_text(str(tracking.run_id))
    tracking.begin()
    return tracking


def log(tracking: Any, folder: Path, first: str, last: str) -> None:
    for iteration in range(int(first), int(last) + 1):
        tracking.log({"charts/SPS": iteration / 3}, iteration, iteration * 64)


def flush(tracking: Any, folder: Path, iteration: str) -> None:
    from wandb_file import history

    while not any(
        row["_step"] == int(iteration)
        for file in folder.glob("wandb/offline-run-*/*.wandb")
        for row in history(file)
    ):
        time.sleep(0.2)


def kill(tracking: Any, folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def media(tracking: Any, folder: Path, iteration: str) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    frames = np.random.default_rng(0).integers(0, 255, (9, 32, 32, 3), dtype=np.uint8)
    tracking.log_video("episodes", frames, int(iteration))
    tracking.log_figure("field", Figure(), int(iteration))


def checkpoint(tracking: Any, folder: Path) -> None:
    path = folder / "iter-00000005.ckpt"
    path.write_bytes(b"weights")
    tracking.checkpoint_saved(path)
    path.unlink()


def crash(tracking: Any, folder: Path) -> None:
    tracking.failed(ValueError("the network exploded"))


def ask(tracking: Any, folder: Path) -> None:
    print("asked", flush=True)
    sys.stdin.readline()


def finish(tracking: Any, folder: Path) -> None:
    tracking.finish()


def main(folder: Path, mode: str, steps: list[str]) -> None:
    sys.addaudithook(watch)
    warnings: list[str] = []
    tracking = start(folder, mode, warnings)
    acts = {act.__name__: act for act in (log, flush, kill, media, checkpoint, crash, ask, finish)}
    for step in steps:
        name, *arguments = step.split(":")
        acts[name](tracking, folder, *arguments)
    print(json.dumps({"warnings": warnings, "connected": CONNECTED}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
