"""Adam that leaves a region unchanged while its gradient is routed away.

With plain Adam a zero gradient still changes weights: momentum continues, moments and bias
correction change, and weight decay pulls weights to 0. A region whose examples are rare would be
moved mostly by steps on other examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, overload

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.optimizer import ParamsT

from chisel.routing.errors import RoutingError, hint

_Owners = tuple[str, ...]
"""Names of the regions that own an element: none, one, or two where rows and columns cross."""


class RoutedAdam(torch.optim.Optimizer):
    """Adam (Kingma & Ba 2015) or AdamW, with a separate step count for each region.

    In a step in which the gradient of all elements of a region is zero, nothing of that region
    changes: values, moments and the step count of the bias correction stay, and weights don't
    decay. The optimiser reads off the gradient which regions have one, so it needs no labels, and
    the answer is the same on every process that holds the reduced gradient. Elements that no region
    owns are updated by torch's fused Adam, bit for bit; so is a region if it had gradient in the
    same steps as the rest of its parameter.

    An element that two regions own (a row of one, a column of the other) moves when both have
    gradient. For each parameter with owned elements, `state` holds `exp_avg` and `exp_avg_sq` in
    its shape, and `steps`, the number of updates by owners (`()` for elements of no region).

    Args:
        params: Parameters, as for any torch optimiser; named (`model.named_parameters()`) if
            `owned` is not empty.
        lr: Step size, at least 0; `param_groups[i]["lr"]` may be changed before every step.
        betas: Decay of the first and the second moment, each in [0, 1).
        eps: Number added to the denominator, at least 0.
        weight_decay: Strength of the decay, at least 0.
        decoupled_weight_decay: Decay the weights themselves (AdamW) instead of adding the decay to
            the gradient.
        owned: Masks in the parameter's shape, by parameter and region, true for elements that the
            region owns (`Router.owned()`).

    Raises:
        RoutingError: If `owned` names an unknown parameter, or a mask has another shape than its
            parameter.
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        decoupled_weight_decay: bool = False,
        owned: Mapping[str, Mapping[str, Tensor]] | None = None,
    ) -> None:
        for name, value in (("lr", lr), ("eps", eps), ("weight_decay", weight_decay)):
            if not value >= 0:
                raise ValueError(f"{name} must be at least 0, not {value}")
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be at least 0 and less than 1, not {betas}")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "fused": True,  # torch then keeps `step` in float32 beside its parameter
            },
        )
        self._parts = _parts_by_parameter(self.param_groups, owned or {})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update all elements that no region owns, and all regions that have gradient.

        Raises:
            RoutingError: If a gradient is sparse.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        moving = self.regions_with_gradient()
        for group in self.param_groups:
            pieces = [
                piece
                for parameter in group["params"]
                if parameter.grad is not None
                for piece in self._pieces(parameter, parameter.grad, moving)
            ]
            _fused_adam(pieces, group)
        return loss

    def regions_with_gradient(self) -> set[str]:
        """Return the regions that the next step would update, because they have gradient.

        Raises:
            RoutingError: If a gradient is sparse.
        """
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        if any(gradient is not None and gradient.is_sparse for gradient in gradients):
            raise RoutingError(
                "RoutedAdam takes no sparse gradients: set sparse=False in the embedding"
            )
        found = [
            (region, elements.of(parameter.grad).count_nonzero())
            for parameter, parts in self._parts.items()
            if parameter.grad is not None
            for owners, elements in parts.items()
            for region in owners
        ]
        if not found:
            return set()
        device = found[0][1].device
        flags = torch.stack([flag.to(device) for _, flag in found]).tolist()  # one wait for the GPU
        return {region for (region, _), flag in zip(found, flags, strict=True) if flag}

    def reset_state(self, region: str) -> None:
        """Set a region's moments and step counts to 0, for instance after it was erased.

        Raises:
            RoutingError: If no region of that name owns elements.
        """
        known = {name for parts in self._parts.values() for owners in parts for name in owners}
        if region not in known:
            raise RoutingError(
                f"no region {region!r} owns elements here; there are {', '.join(sorted(known))}"
            )
        for parameter, parts in self._parts.items():
            state = self.state.get(parameter)
            if not state:
                continue
            for owners, elements in parts.items():
                if region in owners:
                    for moment in (state["exp_avg"], state["exp_avg_sq"]):
                        elements.put(moment, torch.zeros_like(elements.of(moment)))
                    state["steps"][owners] = 0

    def untouched(self) -> list[str]:
        """Return the regions that no step has updated so far; none before the first step."""
        counts = [
            (region, count)
            for parameter in self._parts
            for owners, count in self.state.get(parameter, {}).get("steps", {}).items()
            for region in owners
        ]
        return sorted({region for region, _ in counts} - {region for region, n in counts if n})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state; convert moments to the memory layout of their parameter.

        Raises:
            RoutingError: If the state belongs to other regions.
        """
        super().load_state_dict(state_dict)
        for parameter, state in self.state.items():
            for name in {"exp_avg", "exp_avg_sq"} & state.keys():  # torch loads the saved layout
                state[name] = torch.empty_like(parameter).copy_(state[name])
            saved, own = set(state.get("steps", ())), set(self._parts.get(parameter, ()))
            if saved != own:
                raise RoutingError(
                    "this optimiser state belongs to a model with other regions: a parameter has "
                    f"{_names(saved)} there and {_names(own)} here"
                )

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_parts": self._parts}

    def _pieces(self, parameter: Tensor, gradient: Tensor, moving: set[str]) -> Iterator[_Piece]:
        """Yield what a step updates of a parameter: all of it, or its parts that have gradient."""
        parts = self._parts.get(parameter, {})
        state = self.state[parameter]
        if not state:
            state["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            state["exp_avg_sq"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            if parts:
                state["steps"] = dict.fromkeys(parts, 0)
            else:
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
        tensors = (parameter, gradient, state["exp_avg"], state["exp_avg_sq"])
        if not parts:
            yield _Piece(tensors, state["step"])
            return
        steps: dict[_Owners, int] = state["steps"]
        going = [owners for owners in parts if moving.issuperset(owners)]
        together = len(going) == len(parts) and len(set(steps.values())) == 1
        for owners in going:
            done = torch.full((), steps[owners], dtype=torch.float32, device=parameter.device)
            steps[owners] += 1
            if not together:
                elements = parts[owners]
                yield _Piece(tuple(map(elements.of, tensors)), done, elements, tensors)
        if together:
            yield _Piece(tensors, done)


class _Elements:
    """Some elements of a parameter, stored as slices if they form a box, else as indices."""

    def __init__(self, mask: Tensor) -> None:
        self._box = _box_of(mask)
        self._index = None if self._box is not None else mask.flatten().nonzero()[:, 0]

    def of(self, tensor: Tensor) -> Tensor:
        """Return their values in a tensor, contiguous: a view if possible, else a copy."""
        if self._index is None:
            return tensor[self._box].contiguous()
        self._index = self._index.to(tensor.device)
        return tensor.reshape(-1).index_select(0, self._index)

    def put(self, tensor: Tensor, values: Tensor) -> None:
        """Store values in the layout that `of` returns."""
        if self._index is None:
            tensor[self._box] = values
            return
        flat = tensor.reshape(-1).index_copy_(0, self._index.to(tensor.device), values)
        if not tensor.is_contiguous():  # then `flat` is a copy
            tensor.copy_(flat.view_as(tensor))

    def viewed_in(self, tensor: Tensor) -> bool:
        """Return whether `of` returns a view, so that nothing has to be put back."""
        return self._index is None and tensor[self._box].is_contiguous()


def _box_of(mask: Tensor) -> tuple[slice, ...] | None:
    """Return slices that select the same elements as `mask`; None if there are none."""
    ends = [(int(i.min()), int(i.max()) + 1) for i in mask.nonzero(as_tuple=True) if len(i)]
    box = tuple(slice(*pair) for pair in ends)
    return box if len(box) == mask.dim() and bool(mask[box].all()) else None


class _Piece(NamedTuple):
    """Tensors that the fused kernel updates with one step count."""

    tensors: tuple[Tensor, ...]
    """Values, gradient, first and second moment."""
    step: Tensor
    elements: _Elements | None = None
    """The elements of the parameter that the tensors hold; None: all of them."""
    origin: tuple[Tensor, ...] = ()
    """The whole tensors that `tensors` were taken from."""

    def put_back(self) -> None:
        """Store updated copies in their origin, except for the gradient, which is not updated."""
        if self.elements is not None:
            for index in (0, 2, 3):
                if not self.elements.viewed_in(self.origin[index]):
                    self.elements.put(self.origin[index], self.tensors[index])


def _fused_adam(pieces: list[_Piece], group: dict[str, Any]) -> None:
    """Update all pieces with torch's fused Adam."""
    values, gradients, exp_avgs, exp_avg_sqs = (
        [piece.tensors[index] for piece in pieces] for index in range(4)
    )
    adam(
        values,
        gradients,
        exp_avgs,
        exp_avg_sqs,
        [],
        [piece.step for piece in pieces],
        fused=True,
        amsgrad=False,
        maximize=False,
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        lr=group["lr"],
        eps=group["eps"],
        weight_decay=group["weight_decay"],
        decoupled_weight_decay=group["decoupled_weight_decay"],
    )
    for piece in pieces:
        piece.put_back()


def _parts_by_parameter(
    groups: list[dict[str, Any]], owned: Mapping[str, Mapping[str, Tensor]]
) -> dict[Tensor, dict[_Owners, _Elements]]:
    """Return, for each parameter with owned elements, its elements by combination of owners."""
    named: dict[str, Tensor] = {}
    for group in groups:
        named |= zip(group.get("param_names", ()), group["params"], strict=False)
    if owned and not named:
        raise RoutingError("give RoutedAdam named parameters, such as model.named_parameters()")
    parts: dict[Tensor, dict[_Owners, _Elements]] = {}
    for name, masks in owned.items():
        if name not in named:
            raise RoutingError(f"no parameter {name!r}; {hint(name, named)}")
        shape = named[name].shape
        found: dict[_Owners, Tensor] = {(): torch.ones(shape, dtype=torch.bool)}
        for region, mask in masks.items():
            if mask.shape != shape:
                raise RoutingError(
                    f"the mask of {region!r} in {name} has shape {list(mask.shape)}, "
                    f"the parameter {list(shape)}"
                )
            mask = mask.cpu()
            inside = {(*owners, region): where & mask for owners, where in found.items()}
            outside = {owners: where & ~mask for owners, where in found.items()}
            found = {owners: where for owners, where in (outside | inside).items() if where.any()}
        if set(found) != {()}:
            parts[named[name]] = {owners: _Elements(where) for owners, where in found.items()}
    return parts


def _names(parts: set[_Owners]) -> str:
    return ", ".join(sorted({region for owners in parts for region in owners})) or "none"
