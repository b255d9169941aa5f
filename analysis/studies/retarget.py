"""The study `retarget`: how well the mouse is led to each square by clamping channels there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from analysis.channels import RetargetMap, random_channels, retarget_figure, retarget_map
from analysis.channels.recipe import LAYER, Subject, goal_channels, named_channels, subject
from analysis.figures import save_figure
from analysis.output import provenance, show, study_command, study_folder, write_json
from analysis.stats import Estimate, bootstrap_mean
from configs import ConfigError
from envs.maze import paths

STUDY = "retarget"
_DETECTION = 20
"""Validation mazes in which channels are found and their usual values are read."""
_KINDS = {
    "base": "nothing done",
    "control": "other channels clamped",
    "clamped": "channels clamped",
    "moved": "cheese really there",
}
_COLOURS = {"base": "#9a9aa6", "control": "#1f77b4", "clamped": "#ff7f0e", "moved": "#2ca02c"}


def run(
    *,
    checkpoint: Path | str,
    module: str = LAYER,
    channels: str = "auto",
    strength: float = 3.0,
    levels: int = 6,
    top: int = 4,
    hits: float = 0.5,
    ceiling: bool = True,
    split: Literal["validation", "test"] = "test",
    seed: int = 0,
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Clamp channels at every square of mazes in turn, and see whether the mouse would go there.

    The score of a square is the geometric mean of the probabilities of the moves that lead to it
    from the start ("normalised path probability"), without any cheese; beside it that of other
    channels clamped to the same values, and of really moving the cheese.

    Args:
        checkpoint: A run, a `.ckpt`, a shipped folder or a published `.pth`.
        module: The layer, such as `embedder.block2.res1.resadd`.
        channels: Numbers with commas between; auto finds those that follow the cheese.
        strength: A channel is clamped to so many times its usual rise at the cheese.
        levels: How many mazes.
        top: With auto, at most so many channels.
        hits: With auto, the share of cheese cells beside which a channel must peak.
        ceiling: Really move the cheese as well, which takes most of the time.
        split: Of the mazes.
        seed: Of everything drawn.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/retarget` of the run.

    Returns:
        The folder, with `retarget.json`, a PNG per maze and `retarget.png`.

    Raises:
        ConfigError: If an option is impossible, there is no such module, or no channel is found.
    """
    if levels < 1:
        raise ConfigError(f"levels={levels}: must be at least 1")
    studied = subject(checkpoint, module, env)
    known = studied.tracking(studied.mazes(_DETECTION, "validation", seed), 12, seed)
    count = len(known.correlation)
    auto = channels == "auto"
    chosen = goal_channels(known, top, hits) if auto else named_channels(channels, count)
    rise = known.at_cheese[chosen] - known.elsewhere[chosen]
    values = (known.elsewhere[chosen] + strength * rise).tolist()
    others = random_channels(count, chosen, np.random.default_rng([seed, 1]))
    maps, controls = [], []
    for state in studied.mazes(levels, split, seed):
        maps.append(_map(studied, state, chosen, values, ceiling))
        controls.append(_map(studied, state, others, values, False).clamped)
    words = {"module": module, "channels": channels, "strength": strength, "levels": levels}
    words |= {"top": top, "hits": hits, "ceiling": ceiling, "split": split}
    words |= {"seed": seed, "env": env}
    command = study_command(STUDY, words, checkpoint)
    folder = study_folder(studied.agent, STUDY, out)
    origin = provenance(studied.agent, studied.config, seed=seed, command=command)
    scores = [_scores(one, control) for one, control in zip(maps, controls, strict=True)]
    summary = _summary(scores, np.random.default_rng([seed, 2]))
    off = [off_path(one) for one in maps]
    data = {
        "module": module,
        "channels": chosen,
        "values": values,
        "control_channels": others,
        "summary": {name: one.to_plain() for name, one in summary.items()},
        "mazes": [_plain(one, s, o) for one, s, o in zip(maps, scores, off, strict=True)],
    }
    write_json(folder / f"{STUDY}.json", origin | data)
    stamp = f"sha256 {studied.agent.digest}, seed {seed}"
    for number, one in enumerate(maps):
        side = one.state.maze_dim
        title = f"level {one.state.level_seed}, {side}×{side}: channels {_listed(chosen)}"
        save_figure(retarget_figure(one, title), folder / f"{number:02d}.png", stamp)
    save_figure(_curves(scores, maps, off), folder / f"{STUDY}.png", stamp)
    show(_table(summary, chosen, values))
    return folder


def off_path(found: RetargetMap) -> NDArray[np.int64]:
    """Steps from each target to the way from the start to the top-right corner, `[n]`."""
    state = found.state
    corner = (state.maze_dim - 1, state.maze_dim - 1)
    way = paths.shortest_path(state.open, state.mouse, corner) or [state.mouse]
    steps = np.stack([paths.distances(state.open, cell) for cell in way]).min(axis=0)
    return np.array([steps[cell] for cell in found.targets], np.int64)


def _map(
    studied: Subject, state: Any, channels: Sequence[int], values: Sequence[float], ceiling: bool
) -> RetargetMap:
    return retarget_map(
        studied.cut,
        state,
        studied.observe,
        studied.config.env,
        channels=channels,
        values=values,
        ceiling=ceiling,
    )


def _scores(found: RetargetMap, control: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    scores = {"base": found.base, "control": control, "clamped": found.clamped}
    return scores if found.moved is None else scores | {"moved": found.moved}


def _summary(
    scores: Sequence[dict[str, NDArray[np.float64]]], generator: np.random.Generator
) -> dict[str, Estimate]:
    """Means over squares, then over mazes, with intervals over mazes; and gains over base."""
    found = {}
    for name in scores[0]:
        means = np.array([one[name].mean() for one in scores])
        found[name] = bootstrap_mean(means, generator)
        if name != "base":
            gains = means - np.array([one["base"].mean() for one in scores])
            found[f"{name} over base"] = bootstrap_mean(gains, generator)
    return found


def _plain(
    found: RetargetMap, scores: dict[str, NDArray[np.float64]], off: NDArray[np.int64]
) -> dict[str, Any]:
    return {
        "level_seed": found.state.level_seed,
        "maze": found.state.draw().splitlines(),
        "targets": [list(cell) for cell in found.targets],
        "distance": found.distance.tolist(),
        "off_path": off.tolist(),
        **{name: values.tolist() for name, values in scores.items()},
    }


def _curves(
    scores: Sequence[dict[str, NDArray[np.float64]]],
    maps: Sequence[RetargetMap],
    off: Sequence[NDArray[np.int64]],
) -> Figure:
    """Means over the squares of all mazes by how far they are from the start and from the way."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    along = (
        ("steps from the start", [one.distance for one in maps]),
        ("steps off the way to the top-right corner", off),
    )
    for ax, (label, steps) in zip(axes, along, strict=True):
        every = np.concatenate(list(steps))
        for name in scores[0]:
            values = np.concatenate([one[name] for one in scores])
            found = [values[every == step].mean() for step in np.unique(every)]
            ax.plot(np.unique(every), found, "o-", ms=3, c=_COLOURS[name], label=_KINDS[name])
        ax.set(xlabel=label, ylim=(0, 1))
    axes[0].set_ylabel("normalised path probability")
    axes[1].legend(fontsize=8, frameon=False)
    figure.suptitle("Leading the mouse", fontsize=11.5, fontweight="bold")
    return figure


def _table(summary: dict[str, Estimate], chosen: Sequence[int], values: Sequence[float]) -> Table:
    clamps = ", ".join(f"{c} at {v:.2f}" for c, v in zip(chosen, values, strict=True))
    table = Table(title="Normalised path probability", caption=f"clamped: channels {clamps}")
    for name in ("", "mean over mazes", "95 %"):
        table.add_column(name, justify="right" if name else "left")
    for name, one in summary.items():
        words = name.split(" ", 1)
        text = " ".join([_KINDS[words[0]], *words[1:]])
        table.add_row(text, f"{one.value:.3f}", f"{one.low:.3f}, {one.high:.3f}")
    return table


def _listed(chosen: Sequence[int]) -> str:
    return ", ".join(map(str, chosen))
