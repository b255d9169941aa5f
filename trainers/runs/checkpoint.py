"""Save checkpoints at iterations, and let Lightning write them durably."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from chisel import models


class DurableCheckpointIO(CheckpointIO):
    """Lets Lightning save and load with `models.write_checkpoint` and `read_checkpoint`.

    Lightning's own class writes to the temporary folder first, doesn't sync, and ignores
    PermissionErrors.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint so that a crash leaves a valid file.

        Raises:
            CheckpointError: If the disk refuses.
        """
        models.write_checkpoint(Path(path), checkpoint)

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint after checking its digest; nothing in the file is executed.

        Raises:
            CheckpointError: If it is missing, damaged or unsafe.
        """
        return models.read_checkpoint(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint and its digest."""
        Path(path).unlink(missing_ok=True)
        models.sidecar_of(Path(path)).unlink(missing_ok=True)


class IterationCheckpoint(Checkpoint):
    """Saves a checkpoint every `every` iterations, and always after the last one.

    It is a subclass of Lightning's `Checkpoint`, because these run after all other callbacks, when
    the log is written and a request to stop is known.

    Args:
        folder: Folder of the checkpoints.
        every: Iterations between checkpoints.
        keep_last: Number of newest checkpoints that are kept.
        keep_every: Also keep checkpoints of iterations that are multiples of this; `None` keeps no
            others.
        on_saved: Called with each new checkpoint's path, on the first process.
    """

    def __init__(
        self,
        folder: Path,
        *,
        every: int,
        keep_last: int,
        keep_every: int | None,
        on_saved: Callable[[Path], None] | None,
    ) -> None:
        self.folder, self.every = folder, every
        self.keep_last, self.keep_every, self.on_saved = keep_last, keep_every, on_saved

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Save every `every` iterations, and after the last."""
        iteration = pl_module.iteration
        last = trainer.should_stop or iteration == trainer.max_epochs
        if not last and iteration % self.every:
            return
        path = self.folder / models.checkpoint_name(iteration)
        trainer.save_checkpoint(path)
        if trainer.is_global_zero:
            models.prune(self.folder, self.keep_last, self.keep_every)
            if self.on_saved is not None:
                self.on_saved(path)
