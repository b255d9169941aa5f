"""Make the optimisers of all runs; their state is loaded in the memory layout of the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chisel import routing


def make_adam(
    model: nn.Module, owned: Mapping[str, Mapping[str, Tensor]] | None, **options: Any
) -> torch.optim.Optimizer:
    """Make the Adam of a run; see `keep_layout`.

    Args:
        model: The network.
        owned: Elements that regions own (`Router.owned()`), which stay unchanged without gradient;
            `None` makes torch's Adam.
        options: Options of both, such as `lr`, `eps`, and `weight_decay`, which is added to the
            gradient.
    """
    if owned is None:
        return keep_layout(torch.optim.Adam(model.parameters(), fused=True, **options))
    return keep_layout(routing.RoutedAdam(model.named_parameters(), owned=owned, **options))


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Take an optimiser step on the gradient of a loss, after clearing older gradients."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch stubs
    optimizer.step()


def keep_layout(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Let an optimiser convert the state that it loads to the layout of each parameter.

    torch keeps the layout in which state was saved. A fused kernel reads parameter, gradient and
    moments at the same offsets, so moments in another layout (such as channels-last) would silently
    be used for other elements.

    Returns:
        The same optimiser; its `load_state_dict` raises ValueError if a moment has another shape
        than its parameter.
    """
    optimizer.register_load_state_dict_post_hook(_lay_out)
    return optimizer


def _lay_out(optimizer: torch.optim.Optimizer) -> None:
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if not isinstance(value, Tensor) or not value.dim():
                continue  # a step count
            if value.shape != parameter.shape:
                raise ValueError(
                    f"{name} has shape {list(value.shape)}, its parameter {list(parameter.shape)}"
                )
            if value.stride() != parameter.stride():
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
