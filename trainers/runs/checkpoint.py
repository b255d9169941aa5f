"""When checkpoints are saved, and how Lightning saves them durably."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from chisel import models


class DurableCheckpointIO(CheckpointIO):
    """Lets Lightning save and load by `models.write_checkpoint` and `read_checkpoint`.

    Lightning's own class writes to the temporary folder first, doesn't sync, and ignores a
    PermissionError.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write, sync and rename; raises CheckpointError."""
        models.write_checkpoint(Path(path), checkpoint)

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read after checking the digest; nothing in the file is executed."""
        return models.read_checkpoint(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint and its digest."""
        Path(path).unlink(missing_ok=True)
        models.sidecar_of(Path(path)).unlink(missing_ok=True)


class IterationCheckpoint(Checkpoint):
    """Saves after every so many iterations, and always after the last one.

    It is a subclass of Lightning's `Checkpoint`, because those run after all other callbacks: by
    then the log is written and a request to stop is known.

    Args:
        folder: Where checkpoints are kept.
        every: Iterations between checkpoints.
        keep_last: Number of the newest checkpoints that are kept.
        keep_every: Checkpoints of multiples of this iteration are never deleted; `None` keeps none.
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
