"""One mechanism for every intervention: the outputs of named modules, read or replaced."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from configs import ConfigError, hint

Edit = Callable[[Tensor], Tensor]
"""An activation `[B, …]` to what takes its place, of the same shape."""


@contextlib.contextmanager
def intervene(model: nn.Module, edits: Mapping[str, Edit]) -> Iterator[None]:
    """Within the context, the outputs of some modules are replaced.

    Contexts can be nested: a later one acts on what an earlier one gave. An edit is given a copy of
    the activation, so that one that writes into it changes nothing else (the output of an identity
    or of a flattening shares its memory with what came before). Leaving the context, also through
    an exception, puts everything back.

    Args:
        model: Any network, not compiled.
        edits: By the module's name, as `model.named_modules()` has it.

    Raises:
        ConfigError: If there is no such module, the model is compiled; or, when data passes, if the
            module's output is not one tensor or an edit changes its shape; or, at the end, if the
            model ran without calling a module.
    """
    modules = find_modules(model, edits)
    idle, runs = set(edits), 0

    def ran(*_: Any) -> None:
        nonlocal runs
        runs += 1

    def hook_of(name: str, edit: Edit) -> Callable[..., Tensor]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> Tensor:
            idle.discard(name)
            before = _one_tensor(name, output)
            after: Any = edit(before.clone())  # by other people, who may return anything
            if not isinstance(after, Tensor) or after.shape != before.shape:
                shape = list(after.shape) if isinstance(after, Tensor) else type(after).__name__
                raise ConfigError(
                    f"{name}: an edit made {shape} of {list(before.shape)}; shapes must stay"
                )
            return after

        return hook

    with contextlib.ExitStack() as stack:
        stack.callback(model.register_forward_hook(ran).remove)
        for name, edit in edits.items():
            stack.callback(modules[name].register_forward_hook(hook_of(name, edit)).remove)
        yield
    if runs and idle:
        raise ConfigError(f"the model ran without calling {sorted(idle)[0]}: nothing was changed")


@contextlib.contextmanager
def recording(model: nn.Module, modules: Iterable[str]) -> Iterator[dict[str, list[Tensor]]]:
    """Within the context, keep what some modules return, after interventions around this one.

    Args:
        model: Any network, not compiled.
        modules: Their names.

    Yields:
        By name a list that grows by one detached copy `[B, …]` at each call of the module.

    Raises:
        ConfigError: As for `intervene`.
    """
    names = list(modules)
    found = find_modules(model, names)
    kept: dict[str, list[Tensor]] = {name: [] for name in names}

    def hook_of(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            kept[name].append(_one_tensor(name, output).detach().clone())

        return hook

    with contextlib.ExitStack() as stack:
        for name, module in found.items():
            stack.callback(module.register_forward_hook(hook_of(name)).remove)
        yield kept


def record(
    model: nn.Module, modules: Iterable[str], run: Callable[[], object]
) -> dict[str, Tensor]:
    """What some modules return while `run` feeds the model.

    Args:
        model: Any network, not compiled.
        modules: Their names.
        run: Calls the model, any number of times; no gradient is kept.

    Returns:
        By name the activations of all calls in a row, `[N, …]`, detached copies.

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
    """Modules by name.

    Raises:
        ConfigError: If there is none of a name; or if the model or a part of it is compiled, where
            hooks would silently do nothing.
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


def _one_tensor(name: str, output: Any) -> Tensor:
    if not isinstance(output, Tensor):
        raise ConfigError(
            f"{name} returns a {type(output).__name__}, not one tensor: choose a module inside it"
        )
    return output
