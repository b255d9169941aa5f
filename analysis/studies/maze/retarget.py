"""The study `retarget`: how well clamping channels at each square leads the mouse there."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from chisel.analysis.maze.channels import (
    LAYER,
    Clamps,
    RetargetResult,
    StudiedLayer,
    Tracking,
    goal_channels,
    named_channels,
    random_channels,
    retarget_map,
    studied_layer,
    write_retarget,
)
from chisel.analysis.results import (
    ProgressCallback,
    Request,
    labelled,
    names_of,
    naming,
    progress_bars,
    runs_of,
)
from chisel.configs import ConfigError
from chisel.envs.maze import MazeState

STUDY = "retarget"
_DETECTION = 20
"""Number of validation mazes in which channels are found and their usual values measured."""
_CELLS = 12
"""Number of cheese cells in each of these."""


def run(
    *,
    checkpoint: Path | str,
    module: str = LAYER,
    channels: str = "auto",
    strength: float = 3.0,
    levels: int = 30,
    top: int = 4,
    hits: float = 0.5,
    ceiling: bool = True,
    split: Literal["validation", "test"] = "test",
    seed: int = 0,
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Clamp channels at every square of mazes in turn, and measure how the mouse follows.

    The score of a square is the geometric mean of the probabilities of the moves that lead to it
    from the start ("normalised path probability"), in the maze without cheese. It is compared with
    clamping other channels to the same values, and with really moving the cheese.

    Args:
        checkpoint: A run, a `.ckpt`, a folder of seeds, a shipped folder or a published `.pth`.
        module: The layer, such as `embedder.block2.res1.resadd`.
        channels: Numbers separated by commas; auto finds those that follow the cheese.
        strength: A channel is clamped to its mean value plus this many times its usual rise at the
            cheese.
        levels: Number of mazes; the first six are drawn.
        top: With auto, the number of channels at most.
        hits: With auto, the least share of cheese cells beside which a channel must peak, in 0…1.
        ceiling: Really move the cheese as well, which takes most of the time.
        split: Split of the mazes.
        seed: Seed of everything that is drawn.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/retarget` of the run or group.

    Returns:
        The folder, with `retarget.json`, `tables.json`, a PNG per drawn maze and `retarget.png`.
        Each seed of a folder of seeds has its own channels and values, and figures called
        `SEED-00.png` and so on; curves are means over seeds.

    Raises:
        ConfigError: If an option is impossible, there is no such module, or no channel is found.
    """
    asked = Request.of(STUDY, run, locals())
    if levels < 1:
        raise ConfigError(f"levels={levels}: must be at least 1")
    runs = runs_of(checkpoint)
    found, origins = [], []
    with progress_bars() as progress:
        for path, name in zip(runs, names_of(runs), strict=True):
            studied = studied_layer(path, module, env)
            known = studied.tracking(studied.mazes(_DETECTION, "validation", seed), _CELLS, seed)
            with naming(name):
                if channels == "auto":
                    chosen = goal_channels(known, top, hits)
                else:
                    chosen = named_channels(channels, len(known.correlation))
            mazes = studied.mazes(levels, split, seed)
            clamps = _clamps(known, chosen, strength, seed)
            found.append(_study(name, studied, mazes, clamps, ceiling, labelled(progress, name)))
            origins.append(asked.provenance(studied.agent, studied.config, seed=seed))
    with asked.results(asked.folder(studied.agent)) as folder:
        write_retarget(folder, found, origins)
    return folder


def _clamps(known: Tracking, chosen: list[int], strength: float, seed: int) -> Clamps:
    """Return the values that the chosen channels are clamped to, and the control channels."""
    rise = known.at_cheese[chosen] - known.elsewhere[chosen]
    values = (known.elsewhere[chosen] + strength * rise).tolist()
    others = random_channels(len(known.correlation), chosen, np.random.default_rng([seed, 1]))
    return Clamps(chosen, values, others)


def _study(
    name: str,
    studied: StudiedLayer,
    mazes: Sequence[MazeState],
    clamps: Clamps,
    ceiling: bool,
    progress: ProgressCallback,
) -> RetargetResult:
    clamp = functools.partial(
        retarget_map,
        studied.layer_split,
        observe=studied.observe,
        config=studied.config.env,
        values=clamps.values,
    )
    maps, controls = [], []
    for number, state in enumerate(mazes):
        maps.append(clamp(state, channels=clamps.channels, ceiling=ceiling))
        controls.append(clamp(state, channels=clamps.controls, ceiling=False).clamped)
        progress("mazes", number + 1, len(mazes))
    return RetargetResult(name, studied.layer_split.site.module, clamps, maps, controls)
