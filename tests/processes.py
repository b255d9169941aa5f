"""Processes that begin as copies of one which has imported Chisel, since that takes seconds.

What reads variables at import (ranks, hash seeds, numba's folders) needs `subprocess` instead.
"""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SERVER = Path(__file__).with_name("process_server.py")


class Forked:
    """A process with those parts of `subprocess.Popen` that tests use; its files are text."""

    def __init__(self, program: str, *arguments: str, cwd: Path, env: Mapping[str, str]) -> None:
        """Run a module (`-m NAME`), a text (`-c TEXT`) or a file, as Python would."""
        pipes = [os.pipe() for _ in range(4)]
        ours = [pipes[0][1], *(reading for reading, _ in pipes[1:])]
        theirs = [pipes[0][0], *(writing for _, writing in pipes[1:])]
        request = {"program": program, "arguments": arguments, "folder": str(cwd)}
        request["variables"] = dict(env)
        socket.send_fds(_server(), [json.dumps(request).encode()], theirs)
        for file in theirs:
            os.close(file)
        self.stdin = os.fdopen(ours[0], "w")
        self.stdout, self.stderr, self._report = map(os.fdopen, ours[1:])
        self.pid = int(self._report.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code (negative: a signal's number), or None while it runs."""
        if self.returncode is None and select.select([self._report], [], [], 0)[0]:
            self.returncode = int(self._report.readline())
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Return the exit code.

        Raises:
            TimeoutError: If it runs for more than `timeout` seconds.
        """
        if self.returncode is None and not select.select([self._report], [], [], timeout)[0]:
            self.kill()
            raise TimeoutError(f"process {self.pid} ran for more than {timeout} seconds")
        code = self.poll()
        assert code is not None
        return code

    def communicate(self, timeout: float = 900) -> tuple[str, str]:
        """Wait for its end, and return what it printed to stdout and stderr."""
        self.stdin.close()
        with ThreadPoolExecutor(2) as readers:
            printed = [readers.submit(file.read) for file in (self.stdout, self.stderr)]
            self.wait(timeout)
        self._report.close()
        out, err = (one.result() for one in printed)
        self.stdout.close()
        self.stderr.close()
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


@functools.cache
def _server() -> socket.socket:
    """Start the process that is copied; it ends with this one, which closes the socket."""
    ours, theirs = socket.socketpair()
    with theirs:
        subprocess.Popen(
            [sys.executable, SERVER, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1"},
        )
    return ours
