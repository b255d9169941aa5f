"""Draw pictures of a run while it trains: films of episodes, vector fields of held-out mazes.

They have their own environment and generator, so they don't change the weights of the run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from chisel.analysis.evaluation import Film, FilmRecorder, evaluator_of, play, world_of
from chisel.analysis.maze import contact_sheet, vector_field
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.envs.maze import observe_states
from chisel.routing import evaluating

if TYPE_CHECKING:
    from chisel.trainers.logging.tracking import Tracking

EPISODES = 4
"""Number of games shown side by side in a film."""
FIELDS = 3
"""Number of mazes whose vector fields are drawn."""

Outputs = Callable[[Tensor], tuple[Tensor, Tensor]]


def media_callbacks(config: RunConfig, tracking: Tracking) -> list[Callback]:
    """Make the callbacks for `tracking.video_every` and `tracking.field_every`.

    Raises:
        ConfigError: If the environment can't be drawn.
    """
    kinds = {"video_every": ("films", film), "field_every": ("vector fields", draw_fields)}
    callbacks: list[Callback] = []
    for key, (what, draw) in kinds.items():
        every = getattr(config.tracking, key)
        if every is None:
            continue
        drawn = evaluator_of(config).film
        if drawn is None or (draw is draw_fields and not isinstance(config.env, MazeConfig)):
            world = world_of(config)
            raise ConfigError(f"tracking.{key}: there are no {what} of {world!r}; set it to null")
        callbacks.append(MediaCallback(config, tracking, every, drawn, draw))
    return callbacks


class MediaCallback(Callback):
    """Draws the network's behaviour, always in the same few games, which it does not train in.

    Args:
        config: The run's config.
        tracking: Logs of the run.
        every: Iterations between pictures.
        drawn: Makes the environment with these games, and draws it.
        draw: Function that draws the network on that environment and logs the picture.
    """

    def __init__(
        self,
        config: RunConfig,
        tracking: Tracking,
        every: int,
        drawn: Film,
        draw: Callable[[MediaCallback, Outputs, int], None],
    ) -> None:
        self.config, self.tracking, self.every = config, tracking, every
        self.drawn, self.draw = drawn, draw
        self.env: Any = None

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Make the games before training, so that an error shows at once."""
        self.env = self.drawn.open(self.config, EPISODES)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Draw every `every` iterations."""
        if pl_module.iteration % self.every:
            return
        model, device = pl_module.model, pl_module.device
        with evaluating(model):
            self.draw(self, lambda obs: model(obs.to(device)), pl_module.iteration)

    def teardown(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        """Close the environment."""
        if self.env is not None:
            self.env.close()


def film(media: MediaCallback, outputs: Outputs, iteration: int) -> None:
    """Play one episode of each game, sampling actions, and log the film."""
    recorder = FilmRecorder(media.env, media.drawn.pictures)
    play(
        lambda obs: outputs(obs)[0],
        recorder,
        episodes_per_env=1,
        generator=torch.Generator().manual_seed(media.config.eval.seed + iteration),
    )
    media.tracking.log_video("episodes", recorder.film(), iteration)


def draw_fields(media: MediaCallback, outputs: Outputs, iteration: int) -> None:
    """Log the policy's vector fields of a few mazes."""
    media.env.reset()
    observe = functools.partial(observe_states, config=media.config.env)
    fields = [vector_field(outputs, s, observe) for s in media.env.maze_states()[:FIELDS]]
    title = f"{media.config.experiment} after {iteration} iterations"
    media.tracking.log_figure("field", contact_sheet([("net moves", fields)], title), iteration)
