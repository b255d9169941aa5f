"""Studies of a run while it trains: what `over-training` measures afterwards, logged as it happens.

They are made on a copy of the network, with environments and generators of their own, so that a run
ends with the same weights whether it is studied or not.
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


def study_callbacks(config: RunConfig, folder: Path, tracking: Tracking) -> list[Callback]:
    """The callback that `tracking.studies` and `tracking.studies_every` ask for, if they do."""
    if not config.tracking.studies:
        return []
    return [WatchStudies(config, folder, tracking)]


class WatchStudies(Callback):
    """Measures the network on held-out mazes of the validation split, every so many iterations.

    Args:
        config: The run's config.
        folder: The run's folder, which an agent says it comes from.
        tracking: Where figures go.
    """

    def __init__(self, config: RunConfig, folder: Path, tracking: Tracking) -> None:
        self.config, self.folder, self.tracking = config, folder, tracking
        self._agent: Agent | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Make the copy and measure once, so that what cannot be measured is known at once."""
        module: Any = pl_module
        spaces = Spaces.from_plain(module.about["spaces"])
        copy = models.build(self.config.model, spaces).eval()
        self._agent = Agent(copy, spaces, self.config, "training", None, source=self.folder)
        self._measure(module)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Measure, if it is time."""
        module: Any = pl_module
        if module.iteration % (self.config.tracking.studies_every or 1) == 0:
            values = self._measure(module)
            self.tracking.log_studies(values, module.iteration, module.env_steps)

    def _measure(self, module: Any) -> dict[str, float]:
        """Every curve of every study by its name, `studies/STUDY/CURVE`."""
        # scikit-learn comes along, which runs that are not studied need not wait for.
        from chisel.analysis.maze.behaviour import MEASURES

        if self._agent is None:
            raise RuntimeError("studies begin with the training")
        options = self.config.tracking
        state = {key: value.detach().cpu() for key, value in module.model.state_dict().items()}
        models.load_weights(self._agent.model, state, self.folder)
        found: dict[str, float] = {}
        for name in options.studies:
            _, measure = MEASURES[name]
            curves = measure(self._agent, self.config, options.studies_levels, SPLIT)
            found |= {f"studies/{name}/{curve}": one.value for curve, one in curves.items()}
        return found
