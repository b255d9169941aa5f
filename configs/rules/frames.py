"""How far a run goes: whole iterations, of which the frames asked for may be no multiple."""

from __future__ import annotations

from chisel.configs.schema import RunConfig


def rounded_frames(frames: int, iteration: int) -> str | None:
    """One line on how far training goes; None if it goes exactly as far as was asked for.

    Args:
        frames: what was asked for, at least one iteration.
        iteration: environment steps (or examples) of an iteration.
    """
    whole = max(1, frames // iteration) * iteration
    if whole == frames:
        return None
    return (
        f"frames = {frames:,}: trains {whole:,}, which is as many whole iterations of "
        f"{iteration:,} as fit"
    )


def frames_note(config: RunConfig) -> str | None:
    """`rounded_frames` of a config; None, too, for a data set, whose size is not in the config."""
    steps = getattr(config.algo, "num_steps", None)
    if config.env is None or steps is None:
        return None
    return rounded_frames(config.frames, steps * config.env.num_envs)
