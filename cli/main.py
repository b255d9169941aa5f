"""Entry point of the `chisel` command: finds the subcommand and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from configs import ChiselError, ConfigError, experiments, near

COMMANDS = {
    "list": ("cli.list_components", "experiments, environments, models, algorithms, studies"),
    "check": ("cli.check", "print the resolved config, or what is wrong with it"),
    "train": ("cli.train", "train an agent"),
    "resume": ("cli.resume", "go on with a run exactly where it stopped"),
    "eval": ("cli.evaluate", "play held-out levels and measure"),
    "compare": ("cli.compare", "runs side by side, with intervals over seeds"),
    "study": ("cli.study", "an analysis: a table, a JSON file, figures"),
}
"""Every command: its module, and what it does. A module offers `HELP`, `run(arguments)`, and maybe
`about(word)` for help on what the command is given."""

HELP = """\
usage: chisel COMMAND …

{commands}

examples:
  chisel train maze/quick seed=3 algo.learning_rate=1e-4
  chisel eval runs/maze/quick/NAME
  chisel study vector-field checkpoint=runs/maze/quick/NAME

`chisel COMMAND --help` says more. Settings are written key=value; `chisel check maze/quick` prints
them all. Exit codes: 0 done, 2 config or arguments, 3 checkpoint, 4 numbers went bad,
5 environment, 143 stopped by a signal and resumable."""

INTERRUPTED = 130
"""The shell's code for a program ended by Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: What was typed after `chisel`; None takes it from the process.

    Returns:
        The exit code. Faults that a user can act on are one line on standard error; anything
        unexpected keeps its traceback.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        _dispatch(arguments)
        sys.stdout.flush()
    except ChiselError as error:
        print(f"chisel: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("chisel: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, `head` for example, has seen enough. Python's own flush at exit must not
        # complain about that.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _dispatch(arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        listed = "\n".join(f"  {name:8} {what}" for name, (_, what) in COMMANDS.items())
        print(HELP.format(commands=listed))
        return
    if arguments[0] in ("-V", "--version"):
        print(f"chisel {_version()}")
        return
    command, rest = arguments[0], arguments[1:]
    if command not in COMMANDS:
        raise ConfigError(_unknown(command))
    module = import_module(COMMANDS[command][0])
    if any(argument in ("-h", "--help") for argument in rest):
        asked = [argument for argument in rest if argument not in ("-h", "--help")]
        print(module.about(asked[0]) if asked and hasattr(module, "about") else module.HELP)
        return
    module.run(rest)


def _unknown(command: str) -> str:
    if command in experiments() or command.endswith((".yaml", ".yml")):
        return f"{command} is an experiment; did you mean chisel train {command}?"
    match = near(command, COMMANDS)
    instead = f"did you mean {match!r}?" if match else f"commands: {', '.join(COMMANDS)}"
    return f"unknown command {command!r}; {instead}"


def _version() -> str:
    try:
        return version("chisel")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
