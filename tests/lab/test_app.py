"""Who may talk to the lab, and what it does with messages of a wrong form."""

import json

import numpy as np
import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from chisel.lab.answers import Answerer
from chisel.lab.app import make_app
from chisel.lab.engine import Engine
from chisel.lab.protocol import LARGEST_MESSAGE, VERSION, frame
from chisel.lab.serving import LOOPBACK, _bound, page_files
from tests.lab.frames import read_frame
from tests.lab.talking import (
    MAZE,
    ORIGIN,
    PLAIN,
    PORT,
    ROUTED,
    TOKEN,
    Page,
    answers,
    fields,
    hello,
    session,
    shelf,
)

GOOD = {"origin": ORIGIN}
SOCKET = f"ws://127.0.0.1:{PORT}/socket"


@pytest.mark.parametrize("path", ["/", "/index.html", "/icon.svg"])
def test_the_page_is_served_without_any_secret_and_without_leave_to_ask_others(server, path):
    answer = server.get(path)
    assert answer.status_code == 200
    assert TOKEN not in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_no_file_of_the_page_names_another_host():
    for name, content in page_files().items():
        found = {word for word in content.decode().split() if "://" in word}
        assert not [word for word in found if "w3.org" not in word and "${location" not in word], (
            name
        )


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/assets/../../__init__.py",
        "/%2e%2e/%2e%2e/pyproject.toml",
        "//etc/passwd",
        "/assets/",
        "/static/index.html",
        "/session.py",
    ],
)
def test_nothing_but_the_pages_own_files_is_served(server, path):
    assert server.get(path).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil:8017"])
def test_a_foreign_host_is_refused(server, host):
    assert server.get("/", headers={"host": host}).status_code == 400
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        server.websocket_connect(SOCKET, headers=GOOD | {"host": host}),
    ):
        pass
    assert refused.value.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"origin": "http://127.0.0.1"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"origin": f"{ORIGIN}.evil.example"},
        {"origin": f"http://evil.example#{ORIGIN}"},
    ],
)
def test_an_origin_that_is_not_exactly_ours_is_refused_before_the_socket_opens(server, headers):
    with (
        pytest.raises(WebSocketDisconnect),
        server.websocket_connect(SOCKET, headers=headers),
    ):
        pass


@pytest.mark.parametrize("origin", [ORIGIN, f"http://localhost:{PORT}"])
def test_our_own_page_is_welcome(server, origin):
    with server.websocket_connect(SOCKET, headers={"origin": origin}) as socket:
        hello(socket)


@pytest.mark.parametrize(
    "first",
    [
        {"kind": "hello", "token": "", "version": VERSION},
        {"kind": "hello", "token": TOKEN[:-1], "version": VERSION},
        {"kind": "hello", "token": f"{TOKEN}x", "version": VERSION},
        {"kind": "hello", "version": VERSION},
        {"kind": "ping", "id": 1},
        {"kind": "level", "id": 1, "agent": PLAIN, "source": "train", "seed": 1},
        [],
    ],
)
def test_a_page_without_the_token_is_told_so_and_closed(server, first):
    with server.websocket_connect(SOCKET, headers=GOOD) as socket:
        socket.send_text(json.dumps(first))
        head, _ = read_frame(socket.receive_bytes())
        assert (head["kind"], head["fault"]) == ("error", "hello")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_bytes()
        assert closed.value.code == 4403


def test_a_page_of_another_version_is_told_to_reload(server):
    with server.websocket_connect(SOCKET, headers=GOOD) as socket:
        socket.send_text(json.dumps({"kind": "hello", "token": TOKEN, "version": VERSION + 1}))
        assert "reload" in read_frame(socket.receive_bytes())[0]["text"]


WRONG = [
    "",
    "{",
    "null",
    "3",
    '"hello"',
    "[" * 5000,
    "{}",
    '{"kind": "destroy"}',
    '{"kind": "show"}',
    '{"kind": "ping", "id": "1"}',
    '{"kind": "ping", "id": 1e999}',
    '{"kind": "ping", "id": 1, "more": 2}',
    '{"kind": "step", "id": 1, "action": [1], "session": 3}',
    json.dumps({"kind": "show", "rev": 1, "session": {"board": {"maze": []}, "slots": []}}),
    json.dumps({"kind": "show", "rev": 1, "session": session((PLAIN,), maze=["M" * 100])}),
    json.dumps({"kind": "show", "rev": 1, "session": session((PLAIN,), maze=["MM", ".."])}),
    json.dumps({"kind": "show", "rev": 1, "session": session((PLAIN, {"kind": "run"}))}),
    json.dumps({"kind": "open", "id": 1, "agent": "../../../etc"}),
    json.dumps({"kind": "open", "id": 1, "agent": "/etc/passwd"}),
]


def test_every_message_of_a_wrong_form_gets_one_answer_and_the_talk_goes_on(server):
    with server.websocket_connect(SOCKET, headers=GOOD) as socket:
        page = hello(socket)
        for text in WRONG:
            socket.send_text(text)
            head, _ = page.read()
            assert head["kind"] == "error", text
            assert "\n" not in head["text"]
            assert len(head["text"]) < 300
        socket.send_bytes(b"\0\1")
        assert page.read()[0]["kind"] == "error"
        page.send(kind="ping", id=7)
        assert page.read()[0] == {"kind": "pong", "id": 7}


def test_a_message_that_is_too_large_closes_the_socket_alone(server):
    with server.websocket_connect(SOCKET, headers=GOOD) as socket:
        page = hello(socket)
        socket.send_text("x" * (LARGEST_MESSAGE + 1))
        assert "larger than" in page.read()[0]["text"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_bytes()
        assert closed.value.code == 1009
    with server.websocket_connect(SOCKET, headers=GOOD) as socket:
        hello(socket)


def test_whatever_is_sent_in_between_the_last_session_is_shown_as_by_a_fresh_lab(server):
    """As somebody does who drags, undoes and redoes faster than the lab can answer."""
    draw = np.random.default_rng(0)
    scaled = [
        {"kind": "scale", "site": f"embedder.block{n}", "factor": 0.5, "on": True} for n in (1, 2)
    ]
    with server.websocket_connect(SOCKET, headers=GOOD) as socket:
        page = hello(socket)
        for rev in range(1, 41):
            maze = (MAZE, ("..C", ".#.", "M.."))[draw.integers(2)]
            edits = [one for one in scaled if draw.integers(2)]
            last = {"rev": rev, "session": session((PLAIN, *edits), maze=maze)}
            page.send(kind="show", **last)
        found = page.until("done")
        while found[-1][0]["rev"] < 40:
            found = page.until("done")
    shown = [one for one in found if one[0]["rev"] == 40]
    fresh = answers(Answerer(shelf()), kind="show", **last)
    for (head, arrays), (same, others) in zip(shown, fresh, strict=True):
        assert head == same
        for name, values in others.items():
            np.testing.assert_array_equal(arrays[name], values)


def test_two_pages_do_not_steer_each_other(server):
    off = {"kind": "scale", "site": "embedder.relufc", "factor": 0}
    with (
        server.websocket_connect(SOCKET, headers=GOOD) as one,
        server.websocket_connect(SOCKET, headers=GOOD) as other,
    ):
        first, second = hello(one), hello(other)
        for rev in range(3):
            first.send(kind="show", rev=rev, session=session((PLAIN, off)))
            second.send(kind="show", rev=rev, session=session((ROUTED,)))
            edited, plain = first.until("done"), second.until("done")
            assert (fields(edited)["edited_moves"].std(axis=0) < 1e-6).all()
            assert "edited_moves" not in fields(plain)
            assert {head.get("rev") for head, _ in plain} == {rev}
        first.send(kind="start", id=1, session=session((PLAIN,)))
        assert first.until("moment")[-1][0]["step"] == 0
        second.send(kind="step", id=2, action="agent", session=session((ROUTED,)))
        assert "no episode" in second.read()[0]["text"]


def test_a_failure_of_ours_is_told_without_details_and_the_server_lives():
    class Broken:
        def __call__(self, talk, request):
            if request.kind == "hello":
                yield frame("welcome")
                return
            raise RuntimeError("a secret")

    engine = Engine(Broken())
    found = TestClient(make_app(engine, TOKEN, PORT, page_files()), base_url=ORIGIN)
    with found.websocket_connect(SOCKET, headers=GOOD) as socket:
        page = hello(socket)
        for number in range(2):
            page.send(kind="ping", id=number)
            head, _ = page.read()
            assert head["fault"] == "server"
            assert "secret" not in head["text"]
    engine.close()


def test_another_host_is_allowed_only_where_it_is_named():
    engine = Engine(lambda talk, request: iter(()))
    app = make_app(engine, TOKEN, PORT, page_files(), ("hub.example:443",))
    with TestClient(app, base_url="https://hub.example") as found:
        assert found.get("/").status_code == 200
        headers = {"origin": "https://hub.example:443"}
        with found.websocket_connect("wss://hub.example:443/socket", headers=headers):
            pass
        assert found.get("/", headers={"host": "other.example"}).status_code == 400
    engine.close()


def test_the_port_is_bound_to_this_machine_alone():
    with _bound(0) as bound:
        assert bound.getsockname()[0] == LOOPBACK == "127.0.0.1"


def test_a_page_that_says_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("chisel.lab.app.PATIENCE", 0.05)
    engine = Engine(lambda talk, request: iter(()))
    found = TestClient(make_app(engine, TOKEN, PORT, page_files()), base_url=ORIGIN)
    with found.websocket_connect(SOCKET, headers=GOOD) as socket:
        assert Page(socket).read()[0]["fault"] == "hello"
    engine.close()
