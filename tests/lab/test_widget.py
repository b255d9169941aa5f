"""In a notebook the same messages get the same answers."""

import asyncio
import json
import re

import pytest

from chisel.configs import ConfigError
from chisel.lab import widget
from chisel.lab.engine import Engine
from chisel.lab.serving import page_files
from chisel.lab.widget import talk
from tests.lab.frames import read_frame
from tests.lab.talking import PLAIN, ROOT, answers, session


class Channel:
    """A widget's channel, without a notebook."""

    def __init__(self):
        self.sent, self.callback = [], None

    def on_msg(self, callback):
        self.callback = callback

    def send(self, content, buffers):
        self.sent.append(read_frame(buffers[0]))


def test_a_widget_is_answered_as_a_page_is_and_the_loop_stays_free(answerer):
    show = {"kind": "show", "rev": 3, "session": session((PLAIN,)), "site": None}

    async def talked():
        channel, engine = Channel(), Engine(answerer)
        line = talk(channel, engine)
        channel.callback(None, {"kind": "hello", "token": "", "version": 1}, [])
        channel.callback(None, show, [])
        channel.callback(None, {"kind": "nonsense"}, [])
        beats = 0
        while not any(head["kind"] == "done" for head, _ in channel.sent):
            await asyncio.sleep(0.01)
            beats += 1
        engine.leave(line)
        engine.close()
        return channel.sent, beats

    sent, beats = asyncio.run(talked())
    kinds = [head["kind"] for head, _ in sent]
    assert {"welcome", "error", "board", "field", "solved"} <= set(kinds)
    expected = answers(answerer, **show)
    shown = [one for one in sent if one[0].get("rev") == 3]
    assert json.dumps([head for head, _ in shown]) == json.dumps([head for head, _ in expected])
    assert beats


def test_the_widget_holds_the_pages_module_and_style():
    found = widget(ROOT / "agents" / PLAIN)
    (module,) = (text for name, text in page_files().items() if name.endswith(".js"))
    assert re.search(rb"export\s*\{[^}]*as default", module)
    assert found._esm == module.decode()
    assert ".lab" in found._css
    found.close()


def test_a_missing_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "anywidget", None)
    with pytest.raises(ConfigError, match="pip install 'chisel-agents\\[lab\\]'"):
        widget(ROOT / "agents" / PLAIN)
