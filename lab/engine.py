"""Compute answers in one thread: one request at a time, and only the newest `Show` of each page."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from chisel.configs import ChiselError
from chisel.lab.answers import Answerer, Talk
from chisel.lab.protocol import Request, Show, frame

WAITING = 64
"""Number of requests of one page that may wait, beside the newest `Show`."""


class Line:
    """The requests of one page, and the function that sends its answers. It is thread-safe.

    Args:
        send: Called with each frame and its revision, which is None for an answer that is never
            stale. The computing thread calls it.
    """

    def __init__(self, send: Callable[[bytes, int | None], None]) -> None:
        self.send, self.talk = send, Talk()
        self.newest = -1
        """Revision of the newest `Show`."""
        self.open = True
        self.pending: Show | None = None
        self.others: deque[Request] = deque()

    def is_stale(self, rev: int | None) -> bool:
        """Return whether a newer revision has been asked for."""
        return rev is not None and rev < self.newest


class Engine:
    """Computes for any number of pages, in turn, in one thread of its own.

    Args:
        answerer: Computes the answers.
    """

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._lines: deque[Line] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="lab", daemon=True)
        self._thread.start()

    def join(self, line: Line) -> None:
        """Begin to work for a page."""
        with self._changed:
            self._lines.append(line)

    def leave(self, line: Line) -> None:
        """Forget a page and the requests that it still waits for."""
        with self._changed:
            line.open = False
            self._lines.remove(line)

    def ask(self, line: Line, request: Request) -> None:
        """Take a request; a new `Show` replaces one that waits and stops one that is computed.

        Raises:
            ChiselError: If too many requests wait.
        """
        with self._changed:
            if isinstance(request, Show):
                line.pending, line.newest = request, max(request.rev, line.newest)
            elif len(line.others) >= WAITING:
                raise ChiselError(f"{WAITING} requests wait already; slow down")
            else:
                line.others.append(request)
            self._changed.notify()

    def close(self) -> None:
        """End the thread after its present computation."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or any(map(_has_work, self._lines)))
                if self._closing:
                    return
                line, request = self._next()
            self._answer(line, request)

    def _next(self) -> tuple[Line, Request]:
        """Return the next request, and move its page behind the others."""
        line = next(one for one in self._lines if _has_work(one))
        self._lines.remove(line)
        self._lines.append(line)
        if line.others:
            return line, line.others.popleft()
        request, line.pending = line.pending, None
        assert request is not None
        return line, request

    def _answer(self, line: Line, request: Request) -> None:
        rev = request.rev if isinstance(request, Show) else None
        answer = {"rev": rev} if rev is not None else {"id": getattr(request, "id", 0)}
        try:
            for one in self._answerer(line.talk, request):
                if not line.open or line.is_stale(rev):
                    return
                if one:
                    line.send(one, rev)
        except ChiselError as error:
            line.send(frame("error", text=str(error), fault="request", **answer), rev)
        except Exception:
            logging.getLogger(__name__).exception("the lab failed at %s", type(request).__name__)
            text = "the lab failed at this; the terminal says why"
            line.send(frame("error", text=text, fault="server", **answer), rev)


def _has_work(line: Line) -> bool:
    return bool(line.others) or line.pending is not None
