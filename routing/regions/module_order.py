"""What is certain in an `nn.Sequential`: a child's output goes to the next child only."""

from __future__ import annotations

from typing import Literal

from torch import nn

ELEMENTWISE = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Softplus,
    nn.Sigmoid,
    nn.Tanh,
    nn.Hardtanh,
    nn.Identity,
    nn.Dropout,
    nn.Dropout2d,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)
"""Modules whose unit (or channel) `u` depends on unit `u` of the input alone."""


def tensor_of(model: nn.Module, module: str, at: Literal["input", "output"]) -> str:
    """The innermost module with that output (input): a Sequential's is its last (first) child's."""
    while type(sequential := model.get_submodule(module)) is nn.Sequential and len(sequential):
        children = [name for name, _ in sequential.named_children()]
        module = f"{module}.{children[-1 if at == 'output' else 0]}".lstrip(".")
    return module


def producer(model: nn.Module, name: str, at: Literal["input", "output"]) -> str | None:
    """The layer whose row `u` alone makes unit `u` at this place, other than the module itself.

    Inside an `nn.Sequential`: the Linear or Conv2d that comes before, if nothing but elementwise
    modules is between. None elsewhere.
    """
    parent_name, _, child_name = name.rpartition(".")
    parent = model.get_submodule(parent_name)
    if type(parent) is not nn.Sequential:
        return None
    children = list(parent.named_children())
    place = [child for child, _ in children].index(child_name)
    last = place if at == "output" else place - 1
    for child, module in reversed(children[: last + 1]):
        if isinstance(module, nn.Linear | nn.Conv2d):
            return f"{parent_name}.{child}".lstrip(".") if child != child_name else None
        if not isinstance(module, ELEMENTWISE):
            return None
    return None
