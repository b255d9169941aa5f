"""Record the operations of a network on an example, as a graph of numbered values."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from chisel.routing.errors import RoutingError
from chisel.routing.regions.activations import edit_part
from chisel.routing.regions.examples import as_inputs, evaluating, learning, tensors_in
from chisel.routing.regions.operations import MAY_SHARE, MOVING
from chisel.routing.regions.region import Part
from chisel.routing.sites import Side, Site, Thread

SITE = "site"
"""Name of the operation that marks a part's site."""


@dataclass(frozen=True)
class Op:
    """A call of a torch function, or a tensor that passes a part's site."""

    name: str
    """Torch's name without underscores, such as `conv2d`, `relu` or `add`; `SITE`; or `share` and
    `unseen` for changes that no call shows."""
    module: str
    """Name of the innermost module in which it was called."""
    inputs: tuple[int, ...]
    """Numbers of the values it reads, without parameters and buffers."""
    outputs: tuple[int, ...]
    """Numbers of the values it returns."""
    weights: tuple[str, ...]
    """Names of the parameters and buffers it reads, in the order of the function's arguments."""
    options: tuple[Any, ...]
    """Arguments that hold no tensors, without their names."""
    part: Part | None = None
    tensors: tuple[int, ...] = ()
    """Numbers of all tensors it reads, parameters among them, in the order of the arguments."""
    in_place: bool = False
    """Whether it changes a tensor that it reads."""
    sources: tuple[Tensor, ...] | None = None
    """Origin of the numbers of each output, if the function only moves numbers; otherwise None.

    For each output a tensor in its shape: the index of each number among all numbers of `tensors`
    in a row, counted from 1; 0 is padding."""


@dataclass
class Recording:
    """Operations in order; the tensors that they read and return are values with a number."""

    ops: list[Op] = field(default_factory=list)
    shapes: dict[int, torch.Size] = field(default_factory=dict)
    outputs: tuple[int, ...] = ()
    """Numbers of the values that the model returns."""
    parameters: dict[str, int] = field(default_factory=dict)
    """Number of each parameter that was read, by the parameter's first name."""
    floating: set[int] = field(default_factory=set)
    """Numbers of floating-point values, through which gradient can flow."""
    called: set[str] = field(default_factory=set)
    """Modules whose forward ran."""
    at: dict[tuple[str, Side, int | None], int] = field(default_factory=dict)
    """Number of the value at each module, side and element of a tuple; if a module ran several
    times, that of its last call."""

    def shape_at(self, module: str, side: Side, element: int | None = None) -> torch.Size | None:
        """Return the shape of the tensor at a site; None if no tensor of floats is there."""
        value = self.at.get((module, side, element))
        return None if value is None else self.shapes[value]

    def makers(self) -> dict[int, Op]:
        """Return the operation that computed each value, by the value's number."""
        return {output: op for op in self.ops for output in op.outputs}

    def from_parameters(self) -> dict[int, frozenset[str]]:
        """Return names of the parameters that values consist of, for values of parameters only."""
        made = {value: frozenset({name}) for name, value in self.parameters.items()}
        for op in self.ops:
            if all(value in made for value in op.inputs):
                names = frozenset[str]().union(*(made.get(value, ()) for value in op.tensors))
                made |= {output: names for output in op.outputs if output not in made}
        return made

    def changed_in_place(self, part: Part) -> bool:
        """Return whether the model later changes a part's tensor in place (`h += x`)."""
        shared: set[int] = set()
        for op in self.ops:
            here = op.part == part
            if not here and not shared.intersection(op.tensors):
                continue
            if op.in_place and op.tensors[0] in shared:
                return True
            if here or op.name == SITE or op.name in MAY_SHARE:
                shared.update(op.outputs)
        return False


def record(
    model: nn.Module, example: Any, parts: Iterable[Part], *, learns: bool = False
) -> Recording:
    """Run a model once and record its operations.

    Args:
        model: Any network; its modes and running statistics are restored.
        example: An input of the model, or a tuple of its inputs.
        parts: Parts whose sites are recorded.
        learns: Run in training mode with gradients, instead of in evaluation mode without. With
            gradients, the results of functions that torch does not show (`torch.vmap`) are noticed;
            they count as computed from all earlier values.

    Raises:
        RoutingError: If inference mode is on, or another thread runs the model meanwhile.
    """
    if torch.is_inference_mode_enabled():
        raise RoutingError("regions cannot be found within torch.inference_mode: leave it first")
    recorder = _Recorder(model)
    with contextlib.ExitStack() as stack:
        stack.enter_context((learning if learns else evaluating)(model))
        for tensor in tensors_in(example):
            recorder.known(tensor)
        for name, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue  # its operations are not visible
            for handle in recorder.follow(name, module):
                stack.callback(handle.remove)
        for part in parts:
            stack.callback(edit_part(model, part, recorder.site(part)).remove)
        stack.enter_context(recorder)
        returned = model(*as_inputs(example))
    recorder.recording.outputs = tuple(recorder.number(value) for value in tensors_in(returned))
    return recorder.recording


class _Recorder(TorchFunctionMode):
    """Records every call of a torch function, with its tensors."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.recording = Recording()
        self._model = model
        named = [*model.named_parameters(), *model.named_buffers()]
        self._weights = {id(tensor): name for name, tensor in named}
        self._parameters = {name for name, _ in model.named_parameters()}
        self._numbers: dict[int, int] = {}
        self._kept: list[Tensor] = []  # keeps tensors alive, so that no id is reused
        self._stack = [""]
        self._here = Thread("another thread looks for regions in this model")
        self._paused = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._paused:
            return func(*args, **kwargs)
        given = (*args, *kwargs.values())
        read = list(tensors_in(given))
        numbers = {id(tensor): self._read(tensor) for tensor in read}
        versions = [tensor._version for tensor in read]
        result = func(*args, **kwargs)
        changed = [t for t, version in zip(read, versions, strict=True) if t._version != version]
        returned = list(tensors_in(result))
        if changed and func.__name__ == "__setitem__":
            returned = read[:1]
        if not returned:
            return result
        self.recording.ops.append(
            Op(
                name=func.__name__.strip("_"),
                module=self._stack[-1],
                inputs=tuple(numbers[id(t)] for t in read if id(t) not in self._weights),
                outputs=tuple(self._new(tensor) for tensor in returned),
                weights=tuple(self._weights[id(t)] for t in read if id(t) in self._weights),
                options=tuple(one for one in given if not any(True for _ in tensors_in(one))),
                tensors=tuple(numbers[id(tensor)] for tensor in read),
                in_place=bool(changed),
                sources=_sources_of(func, args, kwargs, returned),
            )
        )
        if changed:
            self._share(returned)
        return result

    def _share(self, changed: Sequence[Tensor]) -> None:
        """Note that tensors which share memory with changed tensors have changed too."""
        memory = {_memory_of(tensor) for tensor in changed} - {None}
        same = {id(tensor) for tensor in changed}
        others = {id(t): t for t in self._kept if id(t) not in same and _memory_of(t) in memory}
        for other in others.values():
            read = (self._numbers[id(other)], *(self._numbers[id(one)] for one in changed))
            self._note_hidden("share", read, other)

    def _note_hidden(self, name: str, read: tuple[int, ...], made: Tensor) -> None:
        """Note an operation that no call of a function shows."""
        op = Op(name, self._stack[-1], read, (self._new(made),), (), (), tensors=read)
        self.recording.ops.append(op)

    def _read(self, tensor: Tensor) -> int:
        """Return the number of a tensor that is read; note it if it is a parameter."""
        number = self.number(tensor)
        name = self._weights.get(id(tensor))
        if name in self._parameters:
            self.recording.parameters.setdefault(str(name), number)
        return number

    def number(self, tensor: Tensor) -> int:
        """Return the number of a tensor's current value."""
        known = self._numbers.get(id(tensor))
        if known is not None:
            return known
        if tensor.grad_fn is None:
            return self._new(tensor)
        for parameter in self._model.parameters():
            self._read(parameter)
        self._note_hidden("unseen", tuple(range(len(self._kept))), tensor)
        return self._numbers[id(tensor)]

    def known(self, tensor: Tensor) -> None:
        """Give a number to an input of the model."""
        self._new(tensor)

    def _new(self, tensor: Tensor) -> int:
        number = len(self._kept)
        self._kept.append(tensor)
        self._numbers[id(tensor)] = number
        self.recording.shapes[number] = torch.Size(tensor.shape)
        if tensor.is_floating_point():
            self.recording.floating.add(number)
        return number

    def follow(self, name: str, module: nn.Module) -> Iterator[Any]:
        """Register hooks that note in which module functions are called; yield their handles."""

        def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
            self._here.require()
            self._stack.append(name)
            self.recording.called.add(name)
            note("input", args)

        def leave(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            self._stack.pop()
            note("output", output)

        def note(side: Side, value: Any) -> None:
            elements = range(len(value)) if isinstance(value, tuple | list) else ()
            for element in (None, *elements):
                with contextlib.suppress(RoutingError):  # raised if no tensor of floats is there
                    place = Site(name, side, element).place_in(module, value)
                    tensor = value if place is None else value[place]
                    self.recording.at[name, side, element] = self.number(tensor)

        yield module.register_forward_pre_hook(enter)
        yield module.register_forward_hook(leave)

    def site(self, part: Part) -> Callable[[Tensor], Tensor]:
        """Return an edit that records a tensor at the part's site, and returns a view of it.

        The view is another tensor, so operations on it differ from operations on the tensor that
        bypass the site.
        """

        def note(value: Tensor) -> Tensor:
            self._paused = True
            passed = value.view_as(value)
            before = (self.number(value),)
            op = Op(SITE, part.module, before, (self._new(passed),), (), (), part, before)
            self._paused = False
            self.recording.ops.append(op)
            return passed

        return note


def _memory_of(tensor: Tensor) -> int | None:
    """Return the address of a tensor's memory; None if it has no storage."""
    try:
        return tensor.untyped_storage().data_ptr() or None
    except (NotImplementedError, RuntimeError):  # inside `torch.vmap`, sparse
        return None


def _sources_of(
    func: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    returned: Sequence[Tensor],
) -> tuple[Tensor, ...] | None:
    """Return the origin of each number of each output; None if the function computes numbers.

    The function is called again with indices in place of numbers, counted from 1 over all tensors
    among its arguments, so that padding is 0. Integer arguments stay, because they are indices.
    """
    if func.__name__.strip("_") not in MOVING:
        return None
    counted = 0

    def indices(value: Any) -> Any:
        nonlocal counted
        if isinstance(value, Tensor):
            first, counted = counted + 1, counted + value.numel()
            if not value.is_floating_point():
                return value
            return torch.arange(first, counted + 1, device=value.device).view(value.shape)
        if isinstance(value, tuple | list):
            return type(value)(map(indices, value))
        return value

    try:
        moved = list(
            tensors_in(func(*map(indices, args), **{k: indices(v) for k, v in kwargs.items()}))
        )
    except (RuntimeError, TypeError, ValueError):
        return None
    if [tensor.shape for tensor in moved] != [tensor.shape for tensor in returned]:
        return None
    return tuple(tensor.long().cpu() for tensor in moved)
