"""Forks processes that have imported Chisel: `python process_server.py SOCKET`, see `processes`.

A request is a line of JSON (program, arguments, folder, variables) with four files: stdin, stdout,
stderr, and a pipe, which gets the number of the process, and at its end a line with its exit code.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import sys
import types
from typing import Any


def serve(listening: socket.socket) -> dict[str, Any]:
    """Fork a process for each request; return its request there. End when nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the supervisors
    while True:
        text, files, _, _ = socket.recv_fds(listening, 1 << 20, 4)
        if not text:
            sys.exit()
        if not os.fork():
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            supervise(files)
            return dict(json.loads(text))
        for file in files:
            os.close(file)


def supervise(files: list[int]) -> None:
    """Fork once more and return there; the parent waits, and reports the exit code."""
    pipe = files.pop()
    process = os.fork()
    if not process:
        os.close(pipe)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        return
    for number in (0, 1, 2, *files):
        os.close(number)  # or readers of its output would wait for the supervisor too
    os.write(pipe, f"{process}\n".encode())
    _, status = os.waitpid(process, 0)
    os.write(pipe, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def run(program: str, arguments: list[str], folder: str, variables: dict[str, str]) -> None:
    """Run a module (`-m NAME`), a text (`-c TEXT`) or a file, as Python would."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1)
    kind, _, name = program.partition(" ")
    first = {"-m": folder, "-c": ""}
    sys.argv = [kind if kind in first else program, *arguments]
    sys.path[0] = first.get(kind, os.path.dirname(program))
    if kind == "-m":
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    elif kind == "-c":
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(name, "<string>", "exec"), main.__dict__)
    else:
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    import chisel.cli.main
    import chisel.trainers  # noqa: F401  # imported for the copies

    run(**serve(socket.socket(fileno=int(sys.argv[1]))))
