"""Ranks that launchers set in environment variables, checked before Lightning is imported.

Lightning reads some of them when it is imported, and fails with a traceback if one is no number.
"""

from __future__ import annotations

import os

from chisel.configs import ConfigError

READ_ON_IMPORT = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")


def number_in(name: str) -> int | None:
    """Return the number in an environment variable; `None` if it is not set.

    Raises:
        ConfigError: It is set to something else.
    """
    text = os.environ.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ConfigError(f"{name}={text!r} in the environment is no number; unset it") from error


def check_ranks() -> None:
    """Check the variables that Lightning's import reads.

    Raises:
        ConfigError: A rank is no number.
    """
    for name in READ_ON_IMPORT:
        number_in(name)
