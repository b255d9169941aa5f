"""The lab in a notebook: the same page, whose messages go through the notebook's own channel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chisel.configs import ChiselError, ConfigError, how_to_install
from chisel.lab.answers import Answerer
from chisel.lab.engine import Engine, Line
from chisel.lab.protocol import frame, read_request
from chisel.lab.serving import opened, page_files


def widget(*paths: Path | str) -> Any:
    """Return the lab as a widget for Jupyter, marimo, or another notebook that shows anywidgets.

    The lab computes in a thread of its own, so that cells can run meanwhile.

    Args:
        paths: Runs, checkpoints and folders of shipped weights, and maybe one session that the page
            saved.

    Raises:
        ConfigError: If anywidget is not installed, or the session cannot be read.
        CheckpointError: If there is no agent.
    """
    try:
        import anywidget  # an extra
    except ImportError:
        raise ConfigError(f"anywidget is missing; type {how_to_install('lab')}") from None
    shelf, session = opened(paths)
    contents = page_files()
    (module,) = (text for name, text in contents.items() if name.endswith(".js"))
    (style,) = (text for name, text in contents.items() if name.endswith(".css"))

    class Lab(anywidget.AnyWidget):
        """The widget whose front end is the lab's page."""

        _esm = module.decode()
        _css = style.decode()

    shown = Lab()
    talk(shown, Engine(Answerer(shelf, session)))
    return shown


def talk(shown: Any, engine: Engine) -> Line:
    """Answer the messages of a widget.

    Args:
        shown: The widget. Its `on_msg` takes a callback, its `send` a message and buffers.
        engine: Computes the answers.
    """
    loop = _running_loop()

    def send(data: bytes, rev: int | None) -> None:
        def deliver() -> None:
            if not line.is_stale(rev):
                shown.send({}, [data])

        # Only the notebook's own thread may use its channel.
        if loop is None:
            deliver()
        else:
            loop.call_soon_threadsafe(deliver)

    line = Line(send)
    engine.join(line)

    def receive(_widget: Any, content: Any, _buffers: Sequence[Any]) -> None:
        try:
            engine.ask(line, read_request(json.dumps(content)))
        except ChiselError as error:
            send(frame("error", text=str(error), fault="request"), None)

    shown.on_msg(receive)
    return line


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
