"""Record the operations of a network while an example passes it, as a graph of numbered values."""

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
"""Name of the operation that stands for data passing a part's site."""


@dataclass(frozen=True)
class Op:
    """One call of a torch function, or data passing a part's site."""

    name: str
    """Torch's name without underscores: `conv2d`, `relu`, `add`; or `SITE`, or one of its own for
    what no call shows."""
    module: str
    """The innermost named module in which it was called."""
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
    """Where the numbers of each output come from, if the function only moves numbers.

    One tensor for each output, in its shape: the index of each number among all numbers of
    `tensors`, laid end to end and counted from 1; 0 is padding."""


@dataclass
class Recording:
    """Operations in order, on values that are numbered as they appear."""

    ops: list[Op] = field(default_factory=list)
    shapes: dict[int, torch.Size] = field(default_factory=dict)
    outputs: tuple[int, ...] = ()
    """The values that the model returns."""
    parameters: dict[str, int] = field(default_factory=dict)
    """The value of each parameter that was read, by the parameter's first name."""
    floating: set[int] = field(default_factory=set)
    """Values of floating-point tensors, which gradient can pass."""
    called: set[str] = field(default_factory=set)
    """Modules whose forward ran."""
    at: dict[tuple[str, Side, int | None], int] = field(default_factory=dict)
    """The value at each module, side and element of a tuple; that of the last call where a module
    ran several times."""

    def shape_at(self, module: str, side: Side, element: int | None = None) -> torch.Size | None:
        """Return the shape of the tensor at a site; None if there is no such tensor of floats."""
        value = self.at.get((module, side, element))
        return None if value is None else self.shapes[value]

    def makers(self) -> dict[int, Op]:
        """Return the operation that made each value."""
        return {output: op for op in self.ops for output in op.outputs}

    def from_parameters(self) -> dict[int, frozenset[str]]:
        """Return the values that are parameters, or computed of parameters alone, with these."""
        made = {value: frozenset({name}) for name, value in self.parameters.items()}
        for op in self.ops:
            if all(value in made for value in op.inputs):
                names = frozenset[str]().union(*(made.get(value, ()) for value in op.tensors))
                made |= {output: names for output in op.outputs if output not in made}
        return made

    def changed_in_place(self, part: Part) -> bool:
        """Whether the model changes a part's tensor in place behind its site (`h += x`)."""
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
    """Run a model once and record what it does.

    Args:
        model: Any network; its modes and running statistics stay as they were.
        example: Its input, or a tuple of its inputs.
        parts: The parts whose sites are recorded.
        learns: Whether it runs as when it learns, with gradients; otherwise in evaluation mode and
            without. With gradients, values that come from functions which torch does not show
            (`torch.vmap`) are noticed: they count as made of all values before them.
    """
    if torch.is_inference_mode_enabled():
        raise RoutingError("regions cannot be found in torch.inference_mode: leave it before")
    recorder = _Recorder(model)
    with contextlib.ExitStack() as stack:
        stack.enter_context((learning if learns else evaluating)(model))
        for tensor in tensors_in(example):
            recorder.known(tensor)
        for name, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue  # nothing can be seen in it
            for handle in recorder.follow(name, module):
                stack.callback(handle.remove)
        for part in parts:
            stack.callback(edit_part(model, part, recorder.site(part)).remove)
        stack.enter_context(recorder)
        returned = model(*as_inputs(example))
    recorder.recording.outputs = tuple(recorder.number(value) for value in tensors_in(returned))
    return recorder.recording


class _Recorder(TorchFunctionMode):
    """Sees every torch function that is called, with the real tensors."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.recording = Recording()
        self._model = model
        named = [*model.named_parameters(), *model.named_buffers()]
        self._weights = {id(tensor): name for name, tensor in named}
        self._parameters = {name for name, _ in model.named_parameters()}
        self._numbers: dict[int, int] = {}
        self._kept: list[Tensor] = []  # an id is used again once its tensor is gone
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
        """Note that tensors which share memory with changed ones have changed as well."""
        memory = {_memory_of(tensor) for tensor in changed} - {None}
        same = {id(tensor) for tensor in changed}
        others = {id(t): t for t in self._kept if id(t) not in same and _memory_of(t) in memory}
        for other in others.values():
            read = (self._numbers[id(other)], *(self._numbers[id(one)] for one in changed))
            self._note_hidden("share", read, other)

    def _note_hidden(self, name: str, read: tuple[int, ...], made: Tensor) -> None:
        """Note an operation that no call shows."""
        op = Op(name, self._stack[-1], read, (self._new(made),), (), (), tensors=read)
        self.recording.ops.append(op)

    def _read(self, tensor: Tensor) -> int:
        """Return the number of a value that is read, and note it if it is a parameter."""
        number = self.number(tensor)
        name = self._weights.get(id(tensor))
        if name in self._parameters:
            self.recording.parameters.setdefault(str(name), number)
        return number

    def number(self, tensor: Tensor) -> int:
        """Return the number of the value that a tensor holds now."""
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
        """Give a number to a tensor that the model is given."""
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
        """Register hooks that keep track of the module in which functions are called."""

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
                with contextlib.suppress(RoutingError):  # no site: no tensor, or not of floats
                    place = Site(name, side, element).place_in(module, value)
                    tensor = value if place is None else value[place]
                    self.recording.at[name, side, element] = self.number(tensor)

        yield module.register_forward_pre_hook(enter)
        yield module.register_forward_hook(leave)

    def site(self, part: Part) -> Callable[[Tensor], Tensor]:
        """Return an edit that records a value at the part's site, and hands on a view of it.

        A view is another tensor, so that what happens to it is told from what happens to the value
        on ways that don't pass the site.
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
    """Return the address of a tensor's memory; None if it has none of its own."""
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
    """Return where each number of each output comes from; None if the function computes something.

    The function is called again on indices instead of numbers, counted from 1 over all tensors
    among its arguments, so that padding is 0. Integer tensors stay as they are: they are indices.
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
