"""Errors that end a command, each with its documented exit code.

Every room raises these for faults that a user can fix. The message is one line and says what to
type instead. The command line prints it without a traceback and exits with `exit_code`.
"""


class ChiselError(Exception):
    """Base class of errors that the command line prints as one line, with an exit code."""

    exit_code = 1


class ConfigError(ChiselError):
    """A key is unknown, a value impossible, an argument wrong, or options contradict each other."""

    exit_code = 2


class CheckpointError(ChiselError):
    """A checkpoint is missing, damaged, unsafe to load, or belongs to another kind of run."""

    exit_code = 3


class NumericsError(ChiselError):
    """A NaN or an infinity was found, before an optimiser step could spread it."""

    exit_code = 4


class EnvironmentFault(ChiselError):
    """An environment broke its contract, or needs an extra that is not installed."""

    exit_code = 5


class Stopped(ChiselError):
    """A signal stopped training after a checkpoint was saved; `chisel resume` continues it."""

    exit_code = 143
