"""`chisel lab` understands its words, and says in one line what is wrong with them."""

import pytest

from chisel.cli import lab
from chisel.cli.main import main
from chisel.lab import serving

AGENT = "agents/maze-quick/seed-0"


@pytest.fixture
def served(monkeypatch):
    """What would be served."""
    given = {}
    monkeypatch.setattr(
        serving, "serve", lambda paths, **options: given.update(options, paths=paths)
    )
    monkeypatch.setattr("chisel.lab.serve", serving.serve)
    return given


def test_words_and_options_reach_the_server(served):
    lab.run([AGENT, "threads=2", "--port", "8000", "--no-browser", "--allow-host=a.example:443"])
    assert [str(one) for one in served.pop("paths")] == [AGENT]
    assert served == {"port": 8000, "browser": False, "allowed": ["a.example:443"], "threads": 2}
    lab.run([AGENT])
    assert served["threads"] is None  # one for each core that nothing else keeps busy


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port"], "--port needs a value"),
        (["--port", "x"], "--port x: must be a number"),
        (["--port=70000"], "--port 70000: must be a number"),
        (["--prot", "1"], "did you mean '--port'?"),
        (["threads=0"], "threads=0: must be"),
        ([AGENT, "threads=1", "threads=2"], "threads is given twice"),
        (["no/such/run"], "there is no no/such/run"),
    ],
)
def test_wrong_words_are_refused_in_one_line(served, words, said, capsys):
    assert main(["lab", *words]) in (2, 3)
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not served


def test_a_missing_extra_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    assert main(["lab", AGENT]) == 2
    assert "pip install 'chisel-agents[lab]'" in capsys.readouterr().err


def test_a_shipped_agent_is_opened_by_its_name():
    shelf, _ = serving.opened(["agents:maze-quick"])
    assert shelf.names == ["maze-quick/seed-0"]


def test_a_port_that_is_taken_is_said_to_be(capsys):
    with serving._bound(0) as taken:
        port = taken.getsockname()[1]
        taken.listen()
        assert main(["lab", AGENT, "--port", str(port), "--no-browser"]) == 2
    assert "--port 0 takes a free one" in capsys.readouterr().err


def test_without_agents_and_outside_a_clone_it_asks_for_one(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "--no-browser"]) == 3
    assert "type chisel lab RUN" in capsys.readouterr().err


def test_in_a_clone_the_shipped_agents_are_offered_and_a_session_is_opened(tmp_path):
    shelf, session = serving.opened([])
    assert session is None
    assert shelf.names[0] == "maze-quick/seed-0"
    assert len(shelf.names) > 10
    text = '{"board": {"maze": ["M.", "C."]}, "slots": [{"agent": "maze-quick/seed-0"}]}'
    file = tmp_path / "session.json"
    file.write_text(text)
    shelf, session = serving.opened([AGENT, file])
    assert session.slots[0].agent in shelf.names
