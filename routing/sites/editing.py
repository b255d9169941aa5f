"""Read or replace the tensors at sites while a network runs, for the thread that asked for it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from chisel.routing.errors import RoutingError
from chisel.routing.sites.site import Site, own_axis, with_tensor

Edit = Callable[[Tensor], Tensor | None]
"""Returns what replaces the tensor at a site; None leaves it."""
Rewrite = Callable[[Any], Any]
"""From what a module reads or returns to what replaces it; None leaves it."""


def edit_at(
    model: nn.Module,
    site: Site,
    edit: Edit,
    *,
    applies: Callable[[], bool] | None = None,
    around: Callable[[Rewrite], Rewrite] | None = None,
) -> RemovableHandle:
    """Let every tensor that passes a site go through `edit` until the handle is removed.

    Args:
        model: The network.
        site: Where. With positions, the edit gets and returns the tokens there.
        edit: What is done.
        applies: Says before each call whether anything is done; it may raise.
        around: Decorates the function that is called with what the module reads or returns, so that
            its errors can be turned into others.

    Raises:
        RoutingError: While the network runs, if the site is in nothing that passes.
    """
    module, own = model.get_submodule(site.module), own_axis(model, site)

    def rewrite(value: Any) -> Any:
        if applies is not None and not applies():
            return None
        place = site.place_in(module, value)
        tensor: Tensor = value if place is None else value[place]
        if site.positions is None:
            edited = edit(tensor)
        else:
            axis, numbers = site.index(module, tensor, own)
            index = torch.tensor(numbers, device=tensor.device)
            edited = edit(tensor.index_select(axis, index))
            edited = None if edited is None else tensor.index_copy(axis, index, edited.to(tensor))
        return None if edited is None else with_tensor(value, place, edited)

    hook: Rewrite = rewrite if around is None else around(rewrite)
    if site.side == "input":
        return module.register_forward_pre_hook(lambda _module, args: hook(args))
    return module.register_forward_hook(lambda _module, _args, output: hook(output))


@contextlib.contextmanager
def editing(
    model: nn.Module,
    edits: Sequence[tuple[Site, Edit]],
    *,
    watched: Iterable[nn.Module],
    around: Callable[[Rewrite], Rewrite] | None = None,
) -> Iterator[Callable[[], list[Site]]]:
    """Within the context, let tensors at sites go through edits, in the order given.

    Only the thread that entered may run the edited modules meanwhile: another one would get the
    edits too, so it is refused. Recomputation in a backward pass counts as this thread's. In copies
    of the model that are made within the context the edits end with it as well.

    Args:
        model: The network, not compiled.
        edits: Sites with what is done there.
        watched: The network has run when one of these modules has.
        around: As for `edit_at`.

    Yields:
        A function that returns the sites which nothing has passed, if the network has run.
    """
    here, ran, is_open = Thread(), False, True
    passed: set[int] = set()

    def note(*_: object) -> None:
        nonlocal ran
        ran = ran or here()

    def applies(editor: Thread) -> bool:
        if is_open:
            editor.require()
        return is_open

    def noting(number: int, edit: Edit) -> Edit:
        def noted(values: Tensor) -> Tensor | None:
            passed.add(number)
            return edit(values)

        return noted

    with contextlib.ExitStack() as stack:
        for module in watched:
            stack.callback(module.register_forward_hook(note).remove)
        for number, (site, edit) in enumerate(edits):
            asked = partial(applies, Thread(f"{site.where} is edited by another thread"))
            handle = edit_at(model, site, noting(number, edit), applies=asked, around=around)
            stack.callback(handle.remove)
        try:
            yield lambda: [s for n, (s, _) in enumerate(edits) if ran and n not in passed]
        finally:
            is_open = False


class Thread:
    """The thread that made this object, or took it over, for what only one thread may use.

    Backward passes count as that thread's, since autograd recomputes activations (checkpointing) in
    threads of its own, which don't say whose pass they run.

    Args:
        refusal: What another thread is told: what this one does.
    """

    def __init__(self, refusal: str = "") -> None:
        self._thread, self._ident, self._refusal = threading.current_thread(), get_ident(), refusal

    def __call__(self) -> bool:
        """Return whether it is running now."""
        return get_ident() == self._ident or torch._C._current_graph_task_id() != -1

    def require(self) -> None:
        """Check that it is running now.

        Raises:
            RoutingError: It is not.
        """
        if not self():
            raise RoutingError(f"{self._refusal}: give each thread a copy of the model")

    def take_over(self, *, in_use: bool) -> None:
        """Let the running thread be this one.

        Raises:
            RoutingError: Another one, which has not ended, uses what belongs to it.
        """
        if in_use and self._thread.is_alive():
            self.require()
        self._thread, self._ident = threading.current_thread(), get_ident()
