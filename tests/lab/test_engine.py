"""Of what is shown the newest is computed, pages take turns, and everything else is answered."""

import threading
from dataclasses import replace

import pytest

from chisel.configs import ChiselError
from chisel.lab.engine import WAITING, Engine, Line
from chisel.lab.protocol import Ping, Show, frame
from chisel.lab.session import Board, Session, Slot
from tests.lab.frames import read_frame

SHOW = Show("show", 0, Session(Board(("M",)), (Slot("a"),)))


class Slow:
    """Answers in steps, each of which waits until it is let go."""

    def __init__(self):
        self.started, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, talk, request):
        for piece in range(3):
            self.started.release()
            assert self.go.acquire(timeout=20)
            yield frame("piece", rev=getattr(request, "rev", -1), piece=piece)


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def engine(slow):
    found = Engine(slow)
    yield found
    for _ in range(100):
        slow.go.release()
    found.close()


def line_of(engine):
    sent, arrived = [], threading.Semaphore(0)

    def send(data, rev):
        sent.append(read_frame(data)[0])
        arrived.release()

    line = Line(send)
    engine.join(line)
    return line, sent, arrived


def show(rev):
    return replace(SHOW, rev=rev)


def test_a_newer_session_stops_an_older_one_and_those_between_are_never_begun(engine, slow):
    line, sent, arrived = line_of(engine)
    engine.ask(line, show(1))
    assert slow.started.acquire(timeout=20)
    for rev in range(2, 60):
        engine.ask(line, show(rev))
    for _ in range(4):
        slow.go.release()
    for _ in range(3):
        assert arrived.acquire(timeout=20)
    assert [(one["rev"], one["piece"]) for one in sent] == [(59, 0), (59, 1), (59, 2)]


def test_pages_take_turns(engine, slow):
    (first, sent, arrived), (second, others, other_arrived) = line_of(engine), line_of(engine)
    for n in range(2):
        engine.ask(first, Ping("ping", n))
    engine.ask(second, Ping("ping", 9))
    for _ in range(6):
        slow.go.release()
    for _ in range(3):
        assert arrived.acquire(timeout=20)
        assert other_arrived.acquire(timeout=20)
    assert len(sent) == len(others) == 3


def test_a_page_that_left_is_answered_no_more(engine, slow):
    line, sent, _ = line_of(engine)
    engine.ask(line, show(1))
    assert slow.started.acquire(timeout=20)
    engine.leave(line)
    slow.go.release()
    other, _, arrived = line_of(engine)
    engine.ask(other, Ping("ping", 1))
    slow.go.release()
    assert arrived.acquire(timeout=20)
    assert sent == []


def test_a_page_that_asks_too_much_is_told_so(engine):
    line, _, _ = line_of(engine)
    for number in range(WAITING):
        engine.ask(line, Ping("ping", number))

    def ask_more():
        for number in range(2):  # the first may have been begun meanwhile
            engine.ask(line, Ping("ping", number))

    with pytest.raises(ChiselError, match="slow down"):
        ask_more()
