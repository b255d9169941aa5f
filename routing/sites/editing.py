"""Read or replace the tensors at sites while a network runs, in one thread."""

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
"""Function from the tensor at a site to its replacement; None leaves it."""
Rewrite = Callable[[Any], Any]
"""Function from a module's arguments or output to their replacement; None leaves them."""


def edit_at(
    model: nn.Module,
    site: Site,
    edit: Edit,
    *,
    applies: Callable[[], bool] | None = None,
    around: Callable[[Rewrite], Rewrite] | None = None,
) -> RemovableHandle:
    """Apply `edit` to every tensor at a site until the handle is removed.

    Args:
        model: The network.
        site: The site. With positions, `edit` gets and returns only the tokens there.
        edit: Function from the tensor to its replacement.
        applies: Called before each edit; returns whether to apply it, and may raise. None: always.
        around: Decorator of the function that gets the module's arguments or output, for example to
            convert its errors.

    Raises:
        RoutingError: While the network runs, if its tensors have no such site.
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
    """Apply edits to tensors at sites within the context, in the order given.

    Only the thread that entered may run the edited modules meanwhile; another thread would get the
    edits too, so it is refused. Recomputation in a backward pass counts as this thread's. Copies of
    the model that are made within the context have no edits after it.

    Args:
        model: The network, not compiled.
        edits: Sites, each with its edit.
        watched: Modules; the network counts as run when one of them has run.
        around: As for `edit_at`.

    Yields:
        A function that returns the sites at which no tensor passed although the network ran.
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
    """The thread that made this object or took it over, which alone may use something.

    Backward passes count as that thread's: autograd recomputes activations (checkpointing) in other
    threads, which don't say whose pass they run.

    Args:
        refusal: Beginning of the message for another thread: what this thread does.
    """

    def __init__(self, refusal: str = "") -> None:
        self._thread, self._ident, self._refusal = threading.current_thread(), get_ident(), refusal

    def __call__(self) -> bool:
        """Return whether this thread is running now."""
        return get_ident() == self._ident or torch._C._current_graph_task_id() != -1

    def require(self) -> None:
        """Check that this thread is running now.

        Raises:
            RoutingError: If another thread is.
        """
        if not self():
            raise RoutingError(f"{self._refusal}: give each thread a copy of the model")

    def take_over(self, *, in_use: bool) -> None:
        """Make the running thread this object's.

        Args:
            in_use: Whether the object's present thread still uses what it alone may use.

        Raises:
            RoutingError: If that is so, and that thread is another one and has not ended.
        """
        if in_use and self._thread.is_alive():
            self.require()
        self._thread, self._ident = threading.current_thread(), get_ident()
