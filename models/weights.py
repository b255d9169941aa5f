"""Load weights into a network, or say what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from chisel.configs import CheckpointError, flatten

_LINES = 10


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: Path | str) -> None:
    """Copy `state` into `model`, which must have exactly these keys and shapes.

    Args:
        model: The network, changed in place.
        state: Weights by name.
        source: File that they were read from, for the message.

    Raises:
        CheckpointError: If keys or shapes differ. The message lists those that are missing,
            unexpected or of another shape, in at most ten lines.
    """
    wanted = {key: list(tensor.shape) for key, tensor in model.state_dict().items()}
    found = {key: list(tensor.shape) for key, tensor in state.items()}
    require_match(source, found, wanted)
    model.load_state_dict(state)


def require_match(
    source: Path | str, found: Mapping[str, Any], wanted: Mapping[str, Any], what: str = "network"
) -> None:
    """Check that two nested dicts of plain values are equal.

    Args:
        source: File that `found` was read from.
        found: Values in the checkpoint.
        wanted: Values that this run needs.
        what: Word in the message for the thing that must fit.

    Raises:
        CheckpointError: If they differ. The message has a line for each difference by its dotted
            key, at most ten lines in all.
    """
    have, want = flatten(found), flatten(wanted)
    lines = [f"  missing: {key} {want[key]}" for key in want if key not in have]
    lines += [f"  unexpected: {key} {have[key]}" for key in have if key not in want]
    lines += [
        f"  {key}: the file has {have[key]}, this {what} {want[key]}"
        for key in want
        if key in have and have[key] != want[key]
    ]
    if not lines:
        return
    if len(lines) > _LINES - 1:
        hidden = len(lines) - (_LINES - 2)
        lines = [*lines[: _LINES - 2], f"  and {hidden} more"]
    raise CheckpointError("\n".join([f"{source} does not fit this {what}:", *lines]))
