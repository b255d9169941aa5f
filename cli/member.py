"""One run of a grid in a process of its own: `python -m chisel.cli.member FOLDER [key=value …]`.

It is `chisel resume FOLDER`, but ends when the process that started it does, however that ends: so
nothing is left running by a launcher that was killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from chisel.cli.main import main

_SECONDS = 0.5
"""How often is looked whether the parent still lives."""


def end_with(parent: int) -> None:
    """Send this process SIGTERM, on which it saves a checkpoint, once its parent is another."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with(os.getppid())
    sys.exit(main(["resume", *sys.argv[1:]]))
