"""Sessions to ask about, and a page's side of the talk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from starlette.testclient import TestClient

from chisel.lab.agents import Shelf
from chisel.lab.answers import Talk
from chisel.lab.app import make_app
from chisel.lab.engine import Engine
from chisel.lab.protocol import VERSION, read_request
from chisel.lab.serving import page_files
from tests.lab.frames import read_frame

ROOT = Path(__file__).parents[2]
PLAIN, PIXELS, ROUTED = (
    "maze-quick/seed-0",
    "maze-pixels-small/seed-0",
    "maze-routed-dropping/seed-10",
)
TOKEN, PORT = "a-token-of-this-run", 8017
ORIGIN = f"http://127.0.0.1:{PORT}"
LAYER = "embedder.block2.res1.resadd"
MAZE = ("..#.C", ".##.#", ".....", ".###.", "M..#.")


def shelf():
    return Shelf([ROOT / "agents" / name for name in (PLAIN, PIXELS, ROUTED)])


def session(*slots, maze=MAZE, **board):
    """A session of slots, each an agent with its edits."""
    return {
        "board": {"maze": list(maze), **board},
        "slots": [{"agent": agent, "edits": list(edits)} for agent, *edits in slots],
    }


def answers(answerer, talk=None, **message):
    """All answers to a message, read as the page does."""
    request = read_request(json.dumps(message))
    return [read_frame(one) for one in answerer(talk or Talk(), request) if one]


def fields(found, slot=0):
    """The field of one slot, put together from its pieces: arrays by name, in order of squares."""
    pieces = [arrays for head, arrays in found if head["kind"] == "field" and head["slot"] == slot]
    whole = {}
    count = sum(len(piece["rows"]) for piece in pieces)
    for piece in pieces:
        for name in set(piece) - {"rows"}:
            shape = (count, *piece[name].shape[1:])
            array = whole.setdefault(name, np.full(shape, np.nan, np.float32))
            array[piece["rows"]] = piece[name]
    return whole


def one(found, kind, slot=None):
    """The only answer of a kind."""
    (head, arrays), *rest = [
        pair
        for pair in found
        if pair[0]["kind"] == kind and (slot is None or pair[0].get("slot") == slot)
    ]
    assert not rest
    return head, arrays


class Page:
    """An open socket."""

    def __init__(self, socket):
        self.socket = socket

    def send(self, **message):
        self.socket.send_text(json.dumps(message))

    def read(self):
        return read_frame(self.socket.receive_bytes())

    def until(self, kind):
        """Read answers up to one of a kind."""
        found = [self.read()]
        while found[-1][0]["kind"] != kind:
            found.append(self.read())
        return found


def client(answerer, host="127.0.0.1"):
    engine = Engine(answerer)
    app = make_app(engine, TOKEN, PORT, page_files())
    return TestClient(app, base_url=f"http://{host}:{PORT}"), engine


def hello(socket):
    page = Page(socket)
    page.send(kind="hello", token=TOKEN, version=VERSION)
    page.until("welcome")
    return page
