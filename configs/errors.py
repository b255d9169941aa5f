"""Errors that end a command, each with its documented exit code.

Every room raises these for faults that a user can act on. The message is one line and says what to
type instead; the command line prints it without a traceback and exits with `exit_code`.
"""


class ChiselError(Exception):
    """Base class of the errors that the command line turns into one line and an exit code."""

    exit_code = 1


class ConfigError(ChiselError):
    """An unknown key, an impossible value, inconsistent options or a wrong argument."""

    exit_code = 2


class CheckpointError(ChiselError):
    """A checkpoint that is missing, damaged, unsafe to load, or of another kind of run."""

    exit_code = 3


class NumericsError(ChiselError):
    """A NaN or an infinity that was found before an optimiser step could spread it."""

    exit_code = 4


class EnvironmentFault(ChiselError):
    """An environment that breaks its contract, or whose extra is not installed."""

    exit_code = 5


class Stopped(ChiselError):
    """Training was stopped by a signal after a checkpoint; `chisel resume` goes on from there."""

    exit_code = 143
