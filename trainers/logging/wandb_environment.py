"""What W&B's environment variables mean for a run: its mode, and ids in a group."""

from __future__ import annotations

import os
from pathlib import Path

from chisel.configs import ConfigError

_MEANT = {"online": "online", "run": "online", "offline": "offline", "dryrun": "offline"}
_MEANT |= {"disabled": "disabled"}
"""By value of `WANDB_MODE` the `tracking.mode` that it asks for."""
_TRUE = ("1", "true", "yes", "on", "t", "y")


def check_mode(mode: str) -> None:
    """Check that W&B's variables ask for what the config says.

    Where nothing is logged, a variable that forbids to send anything is no contradiction.

    Args:
        mode: The run's `tracking.mode`.

    Raises:
        ConfigError: They ask for something else, or for what there is not.
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
    """Return the W&B id of one of the runs of a group; `None` lets W&B make one.

    `WANDB_RUN_ID`, which a sweep's agent sets too, is one id for all of them.

    Args:
        place: The run's folder in the group's, like `seed-1` or `learning_rate=0.001/seed-1`.
    """
    given = os.environ.get("WANDB_RUN_ID")
    return f"{given}-{'-'.join(place.parts)}" if given else None
