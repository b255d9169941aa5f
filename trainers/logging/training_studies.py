"""Log measures of the study `over-training` while a run trains.

They measure a copy of the network, with their own environments and generators, so they don't change
the weights of the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import lightning as L
from lightning.pytorch.callbacks import Callback

from chisel import models
from chisel.configs import RunConfig
from chisel.models import Agent, Spaces

if TYPE_CHECKING:
    from chisel.trainers.logging.tracking import Tracking

SPLIT: Literal["validation"] = "validation"


class TrainingStudies(Callback):
    """Measures the network on mazes of the validation split, every `studies_every` iterations.

    Args:
        config: The run's config, with `tracking.studies`.
        folder: The run's folder, which names the measured agent.
        tracking: Logs of the run.
    """

    _agent: Agent
    """The copy that is measured, made when training begins."""

    def __init__(self, config: RunConfig, folder: Path, tracking: Tracking) -> None:
        self.config, self.folder, self.tracking = config, folder, tracking

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Make the copy and measure it once, so that an error shows at once."""
        spaces = Spaces.from_plain(pl_module.about["spaces"])
        copy = models.build(self.config.model, spaces).eval()
        self._agent = Agent(copy, spaces, self.config, "training", None, source=self.folder)
        self._measure(pl_module)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Measure every `studies_every` iterations."""
        if pl_module.iteration % (self.config.tracking.studies_every or 1) == 0:
            values = self._measure(pl_module)
            self.tracking.log_studies(values, pl_module.iteration, pl_module.env_steps)

    def _measure(self, module: Any) -> dict[str, float]:
        """Return all curves of all studies, by the name `studies/STUDY/CURVE`."""
        # This imports scikit-learn, which is slow and not needed by other runs.
        from chisel.analysis.maze.behaviour import MEASURES

        options = self.config.tracking
        state = {key: value.detach().cpu() for key, value in module.model.state_dict().items()}
        models.load_weights(self._agent.model, state, self.folder)
        found: dict[str, float] = {}
        for name in options.studies:
            _, measure = MEASURES[name]
            curves = measure(self._agent, self.config, options.studies_levels, SPLIT)
            found |= {f"studies/{name}/{curve}": one.value for curve, one in curves.items()}
        return found
