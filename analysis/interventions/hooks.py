"""Recording and replacing outputs of named modules, the mechanism behind every intervention."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from chisel.analysis.interventions.axes import units_of
from chisel.configs import ConfigError, hint

Edit = Callable[[Tensor], Tensor]
"""From an activation `[B, …]` to the one that replaces it, of the same shape."""


@contextlib.contextmanager
def intervene(model: nn.Module, edits: Mapping[str, Edit]) -> Iterator[None]:
    """Replace the outputs of some modules within the context.

    Contexts can be nested: an inner one edits the output of an outer one. An edit gets a copy of
    the activation, so an edit in place changes nothing else (the output of an identity or of a
    flattening shares its memory with its input). Leaving the context, also by an exception, removes
    all edits. If a module returns one tensor of floats among other values, as attention and the
    blocks of transformers do, that tensor is edited.

    Only the thread that entered the context may run the model meanwhile. Another thread would get
    the edits too, so it is refused; give each thread its own copy of the model.

    Args:
        model: Any network, not compiled.
        edits: Edits by the module's name in `model.named_modules()`.

    Raises:
        ConfigError: On entry, if there is no such module or the model is compiled. While the model
            runs, if a module's output has not exactly one tensor of floats, an edit changes its
            shape, or another thread runs the model. On exit, if the model ran without calling an
            edited module.
    """
    modules = find_modules(model, edits)
    idle, mine = set(edits), threading.get_ident()
    ran = False

    def note(*_: Any) -> None:
        nonlocal ran
        ran |= threading.get_ident() == mine

    def hook_of(name: str, edit: Edit) -> Callable[..., Any]:
        edit = edit_at(name, modules[name], edit)

        def hook(module: nn.Module, _inputs: Any, output: Any) -> Any:
            if threading.get_ident() != mine:
                raise ConfigError(
                    f"{name} is edited by another thread: give each thread a copy of the model"
                )
            idle.discard(name)
            place, before = _tensor_of(name, module, output)
            after: Any = edit(before.clone())  # users write edits, which may return anything
            if not isinstance(after, Tensor) or after.shape != before.shape:
                shape = list(after.shape) if isinstance(after, Tensor) else type(after).__name__
                raise ConfigError(
                    f"{name}: an edit made {shape} of {list(before.shape)}; shapes must stay"
                )
            return after if place is None else _with_part(output, place, after)

        return hook

    with contextlib.ExitStack() as stack:
        for part in model.modules():
            stack.callback(part.register_forward_hook(note).remove)
        for name, edit in edits.items():
            stack.callback(modules[name].register_forward_hook(hook_of(name, edit)).remove)
        yield
    if ran and idle:
        raise ConfigError(f"the model ran without calling {sorted(idle)[0]}: nothing was changed")


@contextlib.contextmanager
def recording(model: nn.Module, modules: Iterable[str]) -> Iterator[dict[str, list[Tensor]]]:
    """Record the outputs of some modules within the context.

    Outputs are recorded after the edits of interventions around this context, and only for the
    thread that entered it.

    Args:
        model: Any network, not compiled.
        modules: Names of the modules.

    Yields:
        A list for each name, which gets a detached copy `[B, …]` at each call of the module.

    Raises:
        ConfigError: As for `intervene`.
    """
    names = list(modules)
    found = find_modules(model, names)
    kept: dict[str, list[Tensor]] = {name: [] for name in names}
    mine = threading.get_ident()

    def hook_of(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
            if threading.get_ident() == mine:
                kept[name].append(_tensor_of(name, module, output)[1].detach().clone())

        return hook

    with contextlib.ExitStack() as stack:
        for name, module in found.items():
            stack.callback(module.register_forward_hook(hook_of(name)).remove)
        yield kept


def record(
    model: nn.Module, modules: Iterable[str], run: Callable[[], object]
) -> dict[str, Tensor]:
    """Record the outputs of some modules while `run` calls the model.

    Args:
        model: Any network, not compiled.
        modules: Names of the modules.
        run: Calls the model, any number of times, without gradients.

    Returns:
        Outputs of all calls by name, concatenated, `[N, …]`; detached copies.

    Raises:
        ConfigError: As for `intervene`, and if a module was never called.
    """
    with torch.no_grad(), recording(model, modules) as kept:
        run()
    for name, parts in kept.items():
        if not parts:
            raise ConfigError(f"nothing passed {name} while activations were recorded")
    return {name: torch.cat(parts) for name, parts in kept.items()}


def find_modules(model: nn.Module, names: Iterable[str]) -> dict[str, nn.Module]:
    """Return modules by name.

    Raises:
        ConfigError: If there is no module of a name; or if the model or a part of it is compiled,
            because hooks would silently do nothing.
    """
    known = dict(model.named_modules())
    for name, module in known.items():
        if hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:
            raise ConfigError(
                f"{name or 'the model'} is compiled and would ignore interventions: give the "
                "network itself (model._orig_mod, or one that models.load_agent loads)"
            )
    del known[""]
    for name in names:
        if name not in known:
            raise ConfigError(f"no module {name!r}; {hint(name, known)}")
    return {name: known[name] for name in names}


def edit_at(name: str, module: nn.Module, edit: Edit) -> Edit:
    """Return an edit that uses this module's axis of units, for activations recorded earlier."""

    def edited(values: Tensor) -> Tensor:
        with units_of(name, module):
            return edit(values)

    return edited


def _tensor_of(name: str, module: nn.Module, output: Any) -> tuple[int | None, Tensor]:
    """Return the one tensor of floats in an output, and its place if that is a tuple or list."""
    if isinstance(output, Tensor):
        return None, output
    parts = list(output) if isinstance(output, tuple | list) else []
    if isinstance(module, nn.MultiheadAttention):
        return 0, parts[0]  # the second one has the attention weights
    floats = [n for n, part in enumerate(parts) if _has_floats(part)]
    if len(floats) == 1 and isinstance(parts[floats[0]], Tensor):
        return floats[0], parts[floats[0]]
    inside = f" but ({', '.join(type(part).__name__ for part in parts)})" if parts else ""
    raise ConfigError(
        f"{name} returns a {type(output).__name__}, not one tensor{inside}: choose a module inside "
        "it"
    )


def _has_floats(value: Any) -> bool:
    """Return whether a value may have floats: a tensor of them, or of a type that we don't know."""
    if isinstance(value, Tensor):
        return value.is_floating_point()
    if isinstance(value, tuple | list):
        return any(map(_has_floats, value))
    return not isinstance(value, int | str | None)


def _with_part(output: Any, place: int, part: Tensor) -> Any:
    """Return the tuple or list with another tensor in one place."""
    parts = [*output]
    parts[place] = part
    if hasattr(output, "_fields"):
        return type(output)(*parts)
    return type(output)(parts)
