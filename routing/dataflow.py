"""What becomes of units on their way through a network, recorded while an example passes it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from routing.places import edit_at
from routing.regions import Part
from routing.running import as_inputs, evaluating, tensors_in

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


@dataclass
class Recording:
    """Operations in order, on values that are numbered as they appear."""

    ops: list[Op] = field(default_factory=list)
    shapes: dict[int, torch.Size] = field(default_factory=dict)
    outputs: tuple[int, ...] = ()
    """The values that the model returns."""


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


class _Recorder(TorchFunctionMode):
    """Sees every torch function that is called, with the real tensors."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.recording = Recording()
        named = [*model.named_parameters(), *model.named_buffers()]
        self._weights = {id(tensor): name for name, tensor in named}
        self._numbers: dict[int, int] = {}
        self._kept: list[Tensor] = []  # an id is used again once its tensor is gone
        self._stack = [""]
        self._paused = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = (*args, *(kwargs or {}).values())
        before = [t for t in tensors_in(given) if id(t) not in self._weights]
        inputs = () if self._paused else tuple(map(self.number, before))
        result = func(*args, **(kwargs or {}))
        returned = list(tensors_in(result))
        if returned and not self._paused:
            self.recording.ops.append(
                Op(
                    func.__name__.strip("_"),
                    self._stack[-1],
                    inputs,
                    tuple(self._new(tensor) for tensor in returned),
                    tuple(
                        self._weights[id(t)] for t in tensors_in(given) if id(t) in self._weights
                    ),
                    tuple(one for one in given if not any(True for _ in tensors_in(one))),
                )
            )
        return result

    def number(self, tensor: Tensor) -> int:
        """The value that a tensor holds now."""
        known = self._numbers.get(id(tensor))
        return self._new(tensor) if known is None else known

    def _new(self, tensor: Tensor) -> int:
        number = len(self._kept)
        self._kept.append(tensor)
        self._numbers[id(tensor)] = number
        self.recording.shapes[number] = torch.Size(tensor.shape)
        return number

    def follow(self, name: str, module: nn.Module) -> Iterator[Any]:
        """Hooks that keep track of the module in which functions are called."""

        def enter(*_: Any) -> None:
            self._stack.append(name)

        def leave(*_: Any) -> None:
            self._stack.pop()

        yield module.register_forward_pre_hook(enter)
        yield module.register_forward_hook(leave)

    def site(self, part: Part) -> Any:
        """What notes that a value passes the part's site, by handing on another tensor for it."""

        def note(value: Tensor) -> Tensor:
            self._paused = True
            passed = value.view_as(value)
            op = Op(SITE, part.module, (self.number(value),), (self._new(passed),), (), (), part)
            self._paused = False
            self.recording.ops.append(op)
            return passed

        return note
