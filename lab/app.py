"""The web application: a page, its files and one socket, for this machine alone.

Any web page that somebody visits can send requests to 127.0.0.1, and by DNS rebinding it can even
appear to come from there. So the server checks the host of every request and the origin of a
socket. A socket's first message must hold the token, which only the printed link has, behind its
`#`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from chisel.configs import ChiselError
from chisel.lab.engine import Engine, Line
from chisel.lab.protocol import LARGEST_MESSAGE, VERSION, Hello, frame, read_request

HOSTS = ("127.0.0.1", "localhost")
PATIENCE = 10.0
"""Seconds within which a page must send its token."""
REFUSED, TOO_LARGE = 4403, 1009
"""Codes with which a socket is closed."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def make_app(
    engine: Engine,
    token: str,
    port: int,
    contents: Mapping[str, bytes],
    allowed: tuple[str, ...] = (),
) -> Starlette:
    """Make the application.

    Args:
        engine: Computes the answers.
        token: Token that the first message of a page must hold.
        port: Port that the page is served at.
        contents: The files of the page, by their path.
        allowed: Other hosts, as `name` or `name:port`, at which the page may be opened, for example
            behind a proxy.
    """
    names = tuple(one.partition(":")[0] for one in allowed)
    origins = {f"http://{name}:{port}" for name in HOSTS}
    origins |= {f"{scheme}://{one}" for one in allowed for scheme in ("http", "https")}

    async def page(request: HttpRequest) -> Response:
        name = request.path_params.get("path") or "index.html"
        if name not in contents:
            return PlainTextResponse("there is no such page", 404, headers=HEADERS)
        kept = "no-store" if name == "index.html" else "public, max-age=31536000, immutable"
        kind = _TYPES.get(name[name.rfind(".") :], "application/octet-stream")
        headers = {**HEADERS, "Cache-Control": kept, "Content-Type": kind}
        return Response(contents[name], headers=headers)

    async def socket(ws: WebSocket) -> None:
        if ws.headers.get("origin") not in origins:
            await ws.close()  # before it is accepted: the browser is told 403
            return
        await ws.accept()
        with contextlib.suppress(WebSocketDisconnect):
            await _talk(ws, engine, token)

    return Starlette(
        routes=[
            WebSocketRoute("/socket", socket),
            Route("/{path:path}", page, methods=["GET"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[*HOSTS, *names], www_redirect=False)
        ],
    )


async def _talk(ws: WebSocket, engine: Engine, token: str) -> None:
    try:
        first = read_request(await asyncio.wait_for(_text(ws), PATIENCE))
        problem = _problem(first, token)
    except (ChiselError, TimeoutError):
        problem = "the first message must be hello, with the token of the link"
    if problem:
        await ws.send_bytes(frame("error", text=problem, fault="hello"))
        await ws.close(REFUSED, "refused")
        return
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[bytes, int | None]]()

    def send(data: bytes, rev: int | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, (data, rev))

    line = Line(send)
    engine.join(line)
    sender = asyncio.create_task(_send(ws, queue, line))
    try:
        engine.ask(line, first)
        while True:
            await _ask(engine, line, await _text(ws), queue)
    except _TooLarge:
        text = f"a message was larger than {LARGEST_MESSAGE} bytes"
        await ws.send_bytes(frame("error", text=text, fault="request"))
        await ws.close(TOO_LARGE, "too large")
    finally:
        engine.leave(line)
        sender.cancel()


def _problem(first: Any, token: str) -> str | None:
    """Return why a page is refused; None if it is not."""
    if not isinstance(first, Hello) or not secrets.compare_digest(
        first.token.encode(), token.encode()
    ):
        return "this link is from an earlier run; open the one that the terminal shows"
    if first.version != VERSION:
        return "this page is of another version of Chisel; reload it"
    return None


async def _ask(
    engine: Engine, line: Line, text: str, queue: asyncio.Queue[tuple[bytes, int | None]]
) -> None:
    try:
        engine.ask(line, read_request(text))
    except ChiselError as error:
        await queue.put((frame("error", text=str(error), fault="request", **_number(text)), None))
        await asyncio.sleep(0)


async def _send(ws: WebSocket, queue: asyncio.Queue[tuple[bytes, int | None]], line: Line) -> None:
    while True:
        data, rev = await queue.get()
        if not line.is_stale(rev):
            await ws.send_bytes(data)


class _TooLarge(Exception):
    """Raised if a message is larger than the limit."""


async def _text(ws: WebSocket) -> str:
    message = await ws.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text = message.get("text")
    if text is None:
        return ""  # bytes are no message: refused as no JSON
    if len(text) > LARGEST_MESSAGE:
        raise _TooLarge
    return str(text)


def _number(text: str) -> dict[str, Any]:
    """Return the number of a message that could not be read, so that the page knows which it is."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(message, dict):
        return {}
    return {key: message[key] for key in ("id", "rev") if type(message.get(key)) is int}
