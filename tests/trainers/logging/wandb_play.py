"""Running `wandb_script` in processes of their own, also against servers that never answer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.processes import Forked

HERE = Path(__file__).parent
PATIENCE = 300
"""Seconds that a script may take on a very busy machine."""


class Listener:
    """A server that takes connections and never answers."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.taken: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                self.taken.append(self.socket.accept()[0])
            except OSError:
                return


def start(folder: Path, mode: str, server: str, *steps: str, **extra: str) -> Forked:
    """Start a run in a process; see `wandb_script`."""
    folder.mkdir(exist_ok=True)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    ours = {
        "HOME": str(home),
        "WANDB_API_KEY": "0" * 40,
        "WANDB_BASE_URL": server,
        "OMP_NUM_THREADS": "1",
    }
    script = str(HERE / "wandb_script.py")
    return Forked(script, str(folder), mode, *steps, cwd=Path.cwd(), env=clean | ours | extra)


def end(process: Forked) -> dict[str, Any]:
    """Wait for its end; return what the script printed, and check that nothing else was printed."""
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    (result,) = out.splitlines()
    parsed: dict[str, Any] = json.loads(result)
    return parsed


def play(
    folder: Path, *steps: str, mode: str = "offline", server: str = "http://127.0.0.1:9"
) -> dict[str, Any]:
    """Run to the end."""
    return end(start(folder, mode, server, *steps))


def kill(folder: Path, *steps: str) -> None:
    """Run offline, and kill the process after these steps."""
    process = start(folder, "offline", "http://127.0.0.1:9", *steps, "kill")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == -9, err


def sync(server: str, *parts: Path) -> str:
    """Run `wandb sync` with a server; return what it says."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    ours = {"WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": server, "HOME": str(parts[0].parents[1])}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "wandb", "sync", *map(str, parts)],
        cwd=parts[0].parents[1],
        env=clean | ours,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return done.stdout + done.stderr


def segments(folder: Path) -> list[Path]:
    """The run's W&B files in the order they were written."""
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))
