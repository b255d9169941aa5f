"""Start the lab: bind a port of this machine, print the link, open the browser."""

from __future__ import annotations

import secrets
import socket
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from chisel.analysis.results import choose_threads, torch_threads
from chisel.configs import ConfigError, how_to_install
from chisel.lab.agents import Shelf, shipped
from chisel.lab.answers import Answerer
from chisel.lab.engine import Engine
from chisel.lab.session import Session, read_session

EXTRA = ("starlette", "uvicorn", "websockets")
LOOPBACK = "127.0.0.1"


def serve(
    paths: Sequence[Path | str],
    *,
    port: int = 0,
    browser: bool = True,
    allowed: Sequence[str] = (),
    threads: int | None = None,
) -> None:
    """Serve the lab until Ctrl-C.

    Args:
        paths: Runs, checkpoints and folders of shipped weights, and maybe one session that the page
            saved. Without any, the shipped agents of the clone.
        port: Port to listen at; 0 takes a free one.
        browser: Whether to open the page.
        allowed: Hosts other than this machine's own names at which the page may be opened.
        threads: torch's CPU threads; None takes one for each core that nothing else keeps busy.
            With two or more, the network runs with and without edits at the same time.

    Raises:
        ConfigError: If the extra is not installed, the port is taken, or the session cannot be
            read.
        CheckpointError: If there is no agent.
    """
    if missing := [name for name in EXTRA if find_spec(name) is None]:
        raise ConfigError(f"{missing[0]} is missing; type {how_to_install('lab')}")
    import uvicorn  # an extra

    from chisel.lab.app import make_app  # an extra

    shelf, session = opened(paths)
    with _bound(port) as bound, torch_threads(threads or choose_threads()):
        engine, token = Engine(Answerer(shelf, session)), secrets.token_urlsafe(24)
        at = bound.getsockname()[1]
        app = make_app(engine, token, at, page_files(), tuple(allowed))
        config = uvicorn.Config(
            app,
            log_level="warning",
            ws="websockets-sansio",
            ws_max_size=1 << 20,
            timeout_graceful_shutdown=1,
        )
        link = f"http://{LOOPBACK}:{at}/#token={token}"
        print(f"{link}\nCtrl-C ends the lab.", flush=True)
        for host in allowed:
            print(f"note: also reachable as {host}; keep the link to yourself", file=sys.stderr)
        if browser:
            webbrowser.open(link)
        try:
            uvicorn.Server(config).run(sockets=[bound])
        except KeyboardInterrupt:
            pass  # the way to end it
        finally:
            engine.close()


def page_files() -> Mapping[str, bytes]:
    """Return the built files of the page, by their path."""
    folder = files("chisel.lab") / "static"
    found = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    assets = (folder / "assets").iterdir()
    return found | {f"assets/{one.name}": one.read_bytes() for one in assets}


def opened(paths: Sequence[Path | str]) -> tuple[Shelf, Session | None]:
    """Return the agents and the session among what is given.

    Raises:
        ConfigError: If there are several sessions, or one cannot be read.
        CheckpointError: If there is no agent.
    """
    saved = [Path(one) for one in paths if str(one).endswith(".json")]
    if len(saved) > 1:
        raise ConfigError(f"{saved[1]}: one session at a time")
    agents = [one for one in paths if not str(one).endswith(".json")]
    session = read_session(saved[0]) if saved else None
    shelf = Shelf(agents or shipped())
    for slot in () if session is None else session.slots:
        shelf.open_maze(slot.agent, slot.digest)
    return shelf, session


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, port))
        bound.listen()  # a browser that is quicker than the server waits, and is not refused
    except (OSError, OverflowError) as error:
        bound.close()
        raise ConfigError(f"--port {port}: {error}; --port 0 takes a free one") from None
    return bound
