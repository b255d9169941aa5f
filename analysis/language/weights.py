"""Remove a direction from all weights that write into the residual stream."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chisel.analysis.language.sites import SiteTable
from chisel.configs import ConfigError
from chisel.routing.sites import is_transposed_linear


def without_direction(model: nn.Module, table: SiteTable, direction: Tensor) -> dict[str, Tensor]:
    """Return the changes of weights after which nothing writes along a direction.

    Embeddings and the last layers of attention and MLPs lose that component (Arditi et al. 2024,
    section 4.1). `with_weights` makes and undoes the changes. If the logits use the matrix of the
    embedding, they change too.

    Args:
        model: A language model.
        table: Its sites.
        direction: `[units]`, not zero.

    Returns:
        Change of each parameter, by name, which is added to it.

    Raises:
        ConfigError: If the direction is zero or has another size; or if the family normalises the
            outputs that it adds (Gemma 3), so that a change of weights is not enough: use
            `project_out`.
    """
    if direction.shape != (table.width,) or not direction.norm() > 0:
        raise ConfigError(f"a direction must have {table.width} numbers, not all of them zero")
    if "norm" in table.family.attn.module:
        raise ConfigError(
            "this family norms what attention and MLPs write: use project_out at its sites instead"
        )
    unit = (direction.double() / direction.double().norm()).to(next(model.parameters()).device)
    named = dict(model.named_parameters())
    found = {
        f"{name}.weight": -torch.outer(named[f"{name}.weight"].double() @ unit, unit)
        for name in table.family.embeddings
    }
    for layer in range(table.layers):
        for module in table.writers(layer):
            weight = named[f"{module}.weight"].double()
            transposed = is_transposed_linear(model.get_submodule(module))
            change = -torch.outer(unit, unit @ (weight.T if transposed else weight))
            found[f"{module}.weight"] = change.T if transposed else change
            if f"{module}.bias" in named:
                bias = named[f"{module}.bias"].double()
                found[f"{module}.bias"] = -(bias @ unit) * unit
    return {name: value.float() for name, value in found.items()}
