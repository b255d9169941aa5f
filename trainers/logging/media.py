"""Pictures of a run while it trains: films of episodes and vector fields, on held-out mazes.

They have their own environment and generator, so a run ends with the same weights with and without
them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from chisel.analysis.evaluation import play
from chisel.analysis.maze import contact_sheet, vector_field
from chisel.configs import ConfigError, MazeConfig, RunConfig
from chisel.envs.maze import MazeState, make_evaluation, observe_states, render
from chisel.trainers.onpolicy.repeatable import restored_modes

if TYPE_CHECKING:
    from chisel.trainers.logging.tracking import Tracking

EPISODES = 4
"""Mazes shown side by side in a film."""
PANEL = 256
"""Side of each in pixels."""
MAX_FRAMES = 150
"""Steps after which a film ends, even if episodes go on."""
FIELDS = 3
"""Mazes whose vector fields are drawn."""
SPLIT: Literal["validation"] = "validation"

Outputs = Callable[[Tensor], tuple[Tensor, Tensor]]


def media_callbacks(config: RunConfig, tracking: Tracking) -> list[Callback]:
    """Make the callbacks that `tracking.video_every` and `tracking.field_every` ask for.

    Raises:
        ConfigError: The environment can't be drawn.
    """
    options = {
        "video_every": (config.tracking.video_every, film),
        "field_every": (config.tracking.field_every, draw_fields),
    }
    wanted = {key: option for key, option in options.items() if option[0] is not None}
    if wanted and not isinstance(config.env, MazeConfig):
        raise ConfigError(
            f"tracking.{next(iter(wanted))}: only mazes can be drawn, not {config.env.name!r}; "
            "set it to null"
        )
    return [MediaCallback(config, tracking, every or 0, draw) for every, draw in wanted.values()]


class MediaCallback(Callback):
    """Draws the network's behaviour in the same few mazes of the validation split.

    Args:
        config: The run's config.
        tracking: Logs the pictures.
        every: Iterations between pictures.
        draw: Draws the network on an environment that holds those mazes.
    """

    def __init__(
        self,
        config: RunConfig,
        tracking: Tracking,
        every: int,
        draw: Callable[[Outputs, Any, RunConfig, Tracking, int], None],
    ) -> None:
        self.config, self.tracking, self.every, self.draw = config, tracking, every, draw
        self.env: Any = None

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Make the mazes, so that a fault is known at once."""
        self.env, _ = make_evaluation(
            self.config.env,
            levels=EPISODES,
            split=SPLIT,
            seed=self.config.eval.seed,
            num_envs=EPISODES,
        )

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Draw every `every` iterations."""
        if pl_module.iteration % self.every:
            return
        with restored_modes(pl_module.model):
            outputs = _on_device(pl_module.model.eval(), pl_module.device)
            self.draw(outputs, self.env, self.config, self.tracking, pl_module.iteration)

    def teardown(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        """Close the environment."""
        if self.env is not None:
            self.env.close()


def film(outputs: Outputs, env: Any, config: RunConfig, tracking: Tracking, iteration: int) -> None:
    """Play one episode in each maze, sampling actions, and log the film."""
    recorder = FilmRecorder(env)
    play(
        lambda obs: outputs(obs)[0],
        recorder,
        episodes_per_env=1,
        generator=torch.Generator().manual_seed(config.eval.seed + iteration),
    )
    tracking.log_video("episodes", recorder.film(), iteration)


def draw_fields(
    outputs: Outputs, env: Any, config: RunConfig, tracking: Tracking, iteration: int
) -> None:
    """Log the policy's vector fields of a few mazes."""
    env.reset()

    def observe(states: Any) -> NDArray[Any]:
        return observe_states(states, config.env)

    fields = [vector_field(outputs, s, observe) for s in env.maze_states()[:FIELDS]]
    title = f"{config.experiment} after {iteration} iterations"
    sheet = contact_sheet([("net moves", fields)], title)
    tracking.log_figure("field", sheet, iteration)


class FilmRecorder:
    """Wraps a maze environment and takes a picture of every maze at every step.

    procgen replaces a finished maze at once, so the last picture of an episode is that of the step
    before its end; it stays, darkened, until all episodes have ended.

    Args:
        env: A `MazeVectorEnv`.
    """

    def __init__(self, env: Any) -> None:
        self._env = env
        self.num_envs: int = env.num_envs
        self._frames: list[NDArray[np.uint8]] = []
        self._panels = np.zeros((self.num_envs, PANEL, PANEL, 3), np.uint8)
        self._running = np.ones(self.num_envs, bool)

    def reset(self, **options: Any) -> Any:
        """Reset the environment and take the first picture."""
        started = self._env.reset(**options)
        self._running[:] = True
        self._take(self._env.maze_states())
        return started

    def step(self, actions: NDArray[np.int64]) -> Any:
        """Step the environment and take a picture of the mazes whose episode goes on."""
        result = self._env.step(actions)
        ended = result[2] | result[3]
        self._panels[ended & self._running] //= 3
        self._running &= ~ended
        self._take(self._env.maze_states())
        return result

    def film(self) -> NDArray[np.uint8]:
        """Return all pictures, uint8 `[T, H, W, 3]`, with the mazes in a grid."""
        return np.stack(self._frames)

    def _take(self, states: list[MazeState]) -> None:
        if len(self._frames) >= MAX_FRAMES:
            return
        for row in np.flatnonzero(self._running):
            self._panels[row] = _panel(states[row])
        self._frames.append(_grid(self._panels))


def _panel(state: MazeState) -> NDArray[np.uint8]:
    """Render a maze with one cell of wall around it, uint8 `[PANEL, PANEL, 3]`."""
    picture = Image.fromarray(render(state))
    if state.look.mode != "memory":  # there procgen draws only what is near the mouse
        cell = picture.width / state.world_dim
        low, high = (
            max(state.margin - 1, 0),
            min(state.margin + state.maze_dim + 1, state.world_dim),
        )
        picture = picture.crop((low * cell, low * cell, high * cell, high * cell))
    return np.asarray(picture.resize((PANEL, PANEL), Image.Resampling.BOX))


def _grid(panels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Arrange panels `[N, S, S, 3]` in one picture, in a grid that is as square as possible."""
    across = math.isqrt(len(panels) - 1) + 1
    down = -(-len(panels) // across)
    size = panels.shape[1]
    full = np.zeros((across * down, *panels.shape[1:]), np.uint8)
    full[: len(panels)] = panels
    grid = full.reshape(down, across, size, size, 3).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(down * size, across * size, 3))


def _on_device(model: nn.Module, device: torch.device) -> Outputs:
    def outputs(obs: Tensor) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = model(obs.to(device))
        return result

    return outputs
