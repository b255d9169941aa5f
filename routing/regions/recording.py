"""What becomes of units on their way through a network, recorded while an example passes it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from chisel.routing.regions.operations import MAY_SHARE, sources_of
from chisel.routing.regions.activations import edit_at, first_of
from chisel.routing.regions.region import Part
from chisel.routing.regions.examples import as_inputs, evaluating, tensors_in

SITE = "site"
"""The name of the operation that stands for passing a part's site."""


@dataclass(frozen=True)
class Op:
    """One call of a torch function, or data passing a part's site."""

    name: str
    """Torch's name without underscores: `conv2d`, `relu`, `add`; or `SITE`."""
    module: str
    """The innermost named module in which it was called."""
    inputs: tuple[int, ...]
    """Numbers of the values it reads, parameters and buffers not among them."""
    outputs: tuple[int, ...]
    weights: tuple[str, ...]
    """Names of the parameters and buffers it reads, in the order of the function's arguments."""
    options: tuple[Any, ...]
    """Arguments that are no tensors, without their names."""
    part: Part | None = None
    tensors: tuple[int, ...] = ()
    """Numbers of all tensors it reads, parameters among them, in the order of the arguments."""
    in_place: bool = False
    """Whether it changes a tensor that it reads."""
    sources: tuple[Tensor, ...] | None = None
    """Of a function that only moves numbers: for each output, in its shape, the place of each
    number among all numbers of `tensors` laid end to end, counted from 1; 0 is padding."""


@dataclass
class Recording:
    """Operations in order, on values that are numbered as they appear."""

    ops: list[Op] = field(default_factory=list)
    shapes: dict[int, torch.Size] = field(default_factory=dict)
    outputs: tuple[int, ...] = ()
    """The values that the model returns."""
    parameters: dict[str, int] = field(default_factory=dict)
    """The value that each parameter is, by its first name; only those that were read."""
    floating: set[int] = field(default_factory=set)
    """Values that gradient can pass."""
    called: set[str] = field(default_factory=set)
    """Modules whose forward ran."""
    at: dict[tuple[str, str], int] = field(default_factory=dict)
    """The value at each module's `"input"` and `"output"`, of a tuple the first; where a module ran
    several times, the last time."""

    def shape_at(self, module: str, side: str) -> torch.Size | None:
        """The shape of what a module reads or returns; None if that is no tensor."""
        value = self.at.get((module, side))
        return None if value is None else self.shapes[value]


def record(model: nn.Module, example: Any, parts: Iterable[Part]) -> Recording:
    """Run a model once, in evaluation mode and without gradients, and note what it does.

    Args:
        model: Any network; modes and running statistics are left as they were.
        example: Its input, or a tuple of its inputs.
        parts: Sites to be noted.
    """
    recorder = _Recorder(model)
    with contextlib.ExitStack() as stack:
        stack.enter_context(evaluating(model))
        for name, module in model.named_modules():
            for handle in recorder.follow(name, module):
                stack.callback(handle.remove)
        for part in parts:
            stack.callback(edit_at(model, part, recorder.site(part)).remove)
        stack.enter_context(recorder)
        returned = model(*as_inputs(example))
    recorder.recording.outputs = tuple(recorder.number(value) for value in tensors_in(returned))
    return recorder.recording


def changed_in_place(recording: Recording, part: Part) -> bool:
    """Whether the model changes a part's tensor in place behind its site (`h += x`)."""
    shared: set[int] = set()
    for op in recording.ops:
        here = op.part == part
        if not here and not shared.intersection(op.tensors):
            continue
        if op.in_place and op.tensors[0] in shared:
            return True
        if here or op.name == SITE or op.name in MAY_SHARE:
            shared.update(op.outputs)
    return False


class _Recorder(TorchFunctionMode):
    """Sees every torch function that is called, with the real tensors."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.recording = Recording()
        named = [*model.named_parameters(), *model.named_buffers()]
        self._weights = {id(tensor): name for name, tensor in named}
        self._parameters = {name for name, _ in model.named_parameters()}
        self._numbers: dict[int, int] = {}
        self._kept: list[Tensor] = []  # an id is used again once its tensor is gone
        self._stack = [""]
        self._paused = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = (*args, *(kwargs or {}).values())
        if self._paused:
            return func(*args, **(kwargs or {}))
        read = list(tensors_in(given))
        numbers = {id(tensor): self._read(tensor) for tensor in read}
        versions = [tensor._version for tensor in read]
        result = func(*args, **(kwargs or {}))
        in_place = versions != [tensor._version for tensor in read]
        returned = list(tensors_in(result))
        if in_place and func.__name__ == "__setitem__":
            returned = read[:1]
        if not returned:
            return result
        weights = [id(tensor) for tensor in read if id(tensor) in self._weights]
        self.recording.ops.append(
            Op(
                name=func.__name__.strip("_"),
                module=self._stack[-1],
                inputs=tuple(numbers[id(t)] for t in read if id(t) not in self._weights),
                outputs=tuple(self._new(tensor) for tensor in returned),
                weights=tuple(self._weights[key] for key in weights),
                options=tuple(one for one in given if not any(True for _ in tensors_in(one))),
                tensors=tuple(numbers[id(tensor)] for tensor in read),
                in_place=in_place,
                sources=sources_of(func, args, kwargs or {}, returned),
            )
        )
        return result

    def _read(self, tensor: Tensor) -> int:
        """The number of a value that is read, noted if it is a parameter."""
        number = self.number(tensor)
        name = self._weights.get(id(tensor))
        if name in self._parameters:
            self.recording.parameters.setdefault(str(name), number)
        return number

    def number(self, tensor: Tensor) -> int:
        """The value that a tensor holds now."""
        known = self._numbers.get(id(tensor))
        return self._new(tensor) if known is None else known

    def _new(self, tensor: Tensor) -> int:
        number = len(self._kept)
        self._kept.append(tensor)
        self._numbers[id(tensor)] = number
        self.recording.shapes[number] = torch.Size(tensor.shape)
        if tensor.is_floating_point():
            self.recording.floating.add(number)
        return number

    def follow(self, name: str, module: nn.Module) -> Iterator[Any]:
        """Hooks that keep track of the module in which functions are called."""

        def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
            self._stack.append(name)
            self.recording.called.add(name)
            if args and isinstance(args[0], Tensor):
                self.recording.at[name, "input"] = self.number(args[0])

        def leave(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            self._stack.pop()
            value = first_of(output)
            if isinstance(value, Tensor):
                self.recording.at[name, "output"] = self.number(value)

        yield module.register_forward_pre_hook(enter)
        yield module.register_forward_hook(leave)

    def site(self, part: Part) -> Any:
        """What notes that a value passes the part's site, by handing on another tensor for it."""

        def note(value: Tensor) -> Tensor:
            self._paused = True
            passed = value.view_as(value)
            before = (self.number(value),)
            op = Op(SITE, part.module, before, (self._new(passed),), (), (), part, before)
            self._paused = False
            self.recording.ops.append(op)
            return passed

        return note
