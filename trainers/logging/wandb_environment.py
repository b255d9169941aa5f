"""Read W&B's environment variables: the mode, and the id of a run in a group."""

from __future__ import annotations

import os
from pathlib import Path

from chisel.configs import ConfigError

_MEANT = {
    "online": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}
"""Value of `tracking.mode` for each value of `WANDB_MODE`."""
_TRUE = ("1", "true", "yes", "on", "t", "y")


def check_mode(mode: str) -> None:
    """Check that W&B's environment variables don't contradict the config.

    A variable that asks for offline logging does not contradict `tracking.mode=disabled`.

    Args:
        mode: The run's `tracking.mode`.

    Raises:
        ConfigError: If a variable asks for another mode, or for an unknown one.
    """
    asked = {}
    if given := os.environ.get("WANDB_MODE", ""):
        asked["WANDB_MODE"] = _MEANT.get(given.lower())
    if os.environ.get("WANDB_DISABLED", "").lower() in _TRUE:
        asked["WANDB_DISABLED"] = "disabled"
    for name, meant in asked.items():
        setting = f"{name}={os.environ[name]}"
        if meant is None:
            known = ", ".join(_MEANT)
            raise ConfigError(f"{setting}: Chisel knows {known}; unset it, and set tracking.mode")
        if meant != mode and (meant, mode) != ("offline", "disabled"):
            raise ConfigError(
                f"{setting} contradicts tracking.mode={mode}: unset it, or set "
                f"tracking.mode={meant}"
            )


def id_in_group(place: Path) -> str | None:
    """Return the W&B id of a run of a group; `None` lets W&B make one.

    The variable `WANDB_RUN_ID`, which a sweep's agent also sets, is one id for the whole group, so
    the run's place is added to it.

    Args:
        place: The run's folder in the group's, such as `seed-1` or `learning_rate=0.001/seed-1`.
    """
    given = os.environ.get("WANDB_RUN_ID")
    return f"{given}-{'-'.join(place.parts)}" if given else None
