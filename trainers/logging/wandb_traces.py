"""What Weights & Biases leaves in a process that trains, and how it is taken back."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import wandb

SERVICE = "WANDB_SERVICE"
"""Where wandb notes the address of the process that it sends rows to."""


@dataclass(frozen=True)
class Traces:
    """A process as it was before a W&B run."""

    excepthook: Callable[..., Any]
    exit: Callable[..., Any]
    service: str | None

    @classmethod
    def before(cls) -> Traces:
        """As it is now."""
        return cls(sys.excepthook, sys.exit, os.environ.get(SERVICE))

    def give_back_hooks(self) -> None:
        """Take out wandb's hooks on errors and exits: how a run ended it is told by us."""
        if _of_wandb(sys.excepthook):
            sys.excepthook = self.excepthook
        if _of_wandb(sys.exit):
            sys.exit = self.exit

    def remove(self) -> None:
        """After the run: its service's process, threads and variable go, unless others use it."""
        self.give_back_hooks()
        if os.environ.get(SERVICE) != self.service:
            wandb.teardown()


def _of_wandb(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("wandb.")
