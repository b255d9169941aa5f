"""Numbers that launchers announce in the environment, read before Lightning is imported.

Lightning reads some of them as it is imported, and fails with a traceback on what is no number.
"""

from __future__ import annotations

import os

from chisel.configs import ConfigError

READ_ON_IMPORT = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")


def announced(name: str) -> int | None:
    """The number in an environment variable; None if it is not set.

    Raises:
        ConfigError: it is set to something else.
    """
    text = os.environ.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ConfigError(f"{name}={text!r} in the environment is no number; unset it") from error


def check_announced() -> None:
    """Refuse what Lightning's import would fail on.

    Raises:
        ConfigError: a rank is no number.
    """
    for name in READ_ON_IMPORT:
        announced(name)
