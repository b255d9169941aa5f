"""Check ranks in environment variables of launchers before Lightning is imported.

Lightning reads some of them when it is imported, and raises if one is not a number.
"""

from __future__ import annotations

import os

from chisel.configs import ConfigError

READ_ON_IMPORT = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")


def number_in(name: str) -> int | None:
    """Return the whole number in an environment variable; `None` if it is not set.

    Raises:
        ConfigError: If it is set to something else.
    """
    text = os.environ.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ConfigError(f"{name}={text!r} in the environment is no number; unset it") from error


def check_ranks() -> None:
    """Check the variables that Lightning reads when it is imported.

    Raises:
        ConfigError: If a rank is not a number.
    """
    for name in READ_ON_IMPORT:
        number_in(name)
