"""One run of a grid in a process of its own: `python -m chisel.cli.member FOLDER [key=value …]`.

It does the same as `chisel resume FOLDER`, but ends when the process that started it ends. So a
launcher that is killed leaves nothing running.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from chisel.cli.main import main

_SECONDS = 0.5
"""Seconds between checks whether the parent process still lives."""


def end_with(parent: int) -> None:
    """Send SIGTERM to this process when its parent has ended, so that it saves a checkpoint."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with(os.getppid())
    sys.exit(main(["resume", *sys.argv[1:]]))
