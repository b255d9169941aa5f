"""Entry point of the `chisel` command: runs a subcommand and turns errors into exit codes."""

from __future__ import annotations

import codecs
import errno
import io
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from chisel.cli.commands import COMMANDS
from chisel.configs import (
    CheckpointError,
    ChiselError,
    ConfigError,
    experiments,
    namesake,
    near,
    registry,
    version,
)

HELP = """\
usage: chisel COMMAND …

{commands}

examples:
  chisel eval agents:maze-quick
  chisel study vector-field checkpoint=agents:maze-quick
  chisel train maze/quick seed=3 algo.learning_rate=1e-4

`chisel COMMAND --help` explains a command. Settings are written key=value;
`chisel check maze/quick` prints them all. Exit codes: 0 done, 2 wrong config or
arguments, 3 checkpoint or disk, 4 NaN or infinity, 5 environment, 130 ended by
Ctrl-C, 143 stopped by a signal and resumable."""

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as in shells."""
LOST = {
    "eval": "nothing was written, because results are written at the end",
    "compare": "nothing was written",
    "study": "a study writes at its end, so its measurements are lost; runs that it trained and "
    "finished parts of a report are kept",
    "reproduce": "finished runs and results are kept; the same command goes on",
}
"""Message by command that says what is lost, or kept, after Ctrl-C."""

_DISK_REFUSES = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ESTALE,
)


_ASCII = "chisel.ascii"
"""Name under which `to_ascii` is registered as an error handler of encodings."""
_IN_ASCII = {"…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "≥": ">=", "≤": "<=", "→": "->"}
_IN_ASCII |= dict(zip("▁▂▃▄▅▆▇█", "12345678", strict=True))
_IN_ASCII |= {"±": "+-", "²": "2", "γ": "gamma", "λ": "lambda", "σ": "sigma", "·": "*"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The arguments after `chisel`; `None` takes the process's.

    Returns:
        The exit code. Errors that a user can fix are printed as one line on standard error;
        unexpected errors keep their traceback.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    with any_encoding(sys.stdout, sys.stderr):
        return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    if warning := namesake():
        print(f"chisel: {warning}", file=sys.stderr)
    try:
        _dispatch(arguments)
        sys.stdout.flush()
    except ChiselError as error:
        return _refuse(str(error), error.exit_code)
    except KeyboardInterrupt as error:
        what = str(error) or LOST.get(arguments[0] if arguments else "", "")
        return _refuse(f"interrupted; {what}" if what else "interrupted", INTERRUPTED)
    except BrokenPipeError:
        _silence()  # the reader, `head` for example, has seen enough
    except OSError as error:
        if error.errno not in _DISK_REFUSES:
            raise
        _silence()
        where = "" if error.filename is None else f"{error.filename}: "
        return _refuse(f"{where}{error.strerror}", CheckpointError.exit_code)
    return 0


def _refuse(text: str, code: int) -> int:
    print(f"chisel: {' '.join(text.split())}", file=sys.stderr)
    return code


def _silence() -> None:
    """Redirect standard output to nowhere if it can't be written, so that Python's exit works."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        listed = "\n".join(f"  {name:10} {what}" for name, (_, what) in COMMANDS.items())
        print(HELP.format(commands=listed))
        return
    if arguments[0] in ("-V", "--version"):
        print(f"chisel {version()}")
        return
    command, rest = arguments[0], list(arguments[1:])
    asked = "--help" in rest or "-h" in rest or rest[-1:] == ["help"]
    asked = asked and rest[:1] != ["words"]
    if asked and command in registry.names("study"):
        command, rest = "study", [command, *rest]
    if command not in COMMANDS:
        raise ConfigError(_unknown(command, rest))
    module = import_module(COMMANDS[command][0])
    if not asked:
        module.run(rest)
        return
    words = [argument for argument in rest if argument not in ("-h", "--help", "help")]
    print(module.about((words or [""])[0]) if hasattr(module, "about") else module.HELP)


def _unknown(command: str, rest: Sequence[str]) -> str:
    if command in experiments() or command.endswith((".yaml", ".yml")):
        meant = shlex.join(["chisel", "train", command, *rest])
        return f"{command} is an experiment; did you mean `{meant}`?"
    if command in registry.names("study"):
        meant = shlex.join(["chisel", "study", command, *rest])
        return f"{command} is a study; did you mean `{meant}`?"
    match = near(command, COMMANDS)
    instead = f"did you mean {match!r}?" if match else f"commands: {', '.join(COMMANDS)}"
    return f"unknown command {command!r}; {instead}"


def to_ascii(error: UnicodeError) -> tuple[str, int]:
    """Replace characters by similar ASCII ones, or by a question mark.

    The function is an error handler for `codecs.register_error`.

    Raises:
        UnicodeError: If the error is not one of encoding.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    refused = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(one, "?") for one in refused), error.end


@contextmanager
def any_encoding(*streams: Any) -> Iterator[None]:
    """Let text streams write any character within the context, whatever their encodings."""
    codecs.register_error(_ASCII, to_ascii)
    changed = [
        (one, one.errors)
        for one in streams
        if isinstance(one, io.TextIOWrapper) and one.errors in ("strict", "backslashreplace")
    ]
    for stream, _ in changed:
        stream.reconfigure(errors=_ASCII)
    try:
        yield
    finally:
        for stream, errors in changed:
            stream.reconfigure(errors=errors)


if __name__ == "__main__":
    sys.exit(main())
