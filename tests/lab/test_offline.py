"""The lab as one file: complete, small, closed to the world; and what cannot be written is said."""

import base64
import hashlib
import json
import re

import pytest

from chisel.analysis.maze import AblateRegion
from chisel.cli.main import main
from chisel.configs import ConfigError
from chisel.lab import offline, offline_page
from chisel.lab.agents import Shelf
from chisel.models import load_agent
from tests.lab.frames import read_frame
from tests.lab.talking import MAZE, PIXELS, PLAIN, ROOT, ROUTED, session

AGENT = ROOT / "agents" / PLAIN


@pytest.fixture(scope="module")
def page():
    return offline_page([AGENT])


def scripts(page):
    return re.findall(r"<script ([^>]*)>([^<]*(?:<(?!/script)[^<]*)*)</script>", page.decode())


def held(page):
    (_, data), _ = scripts(page)
    return read_frame(base64.b64decode(data))


def test_a_page_runs_its_own_script_and_style_and_asks_nobody(page):
    text = page.decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    _, (kind, script) = scripts(page)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert kind == 'type="module"'
    for what, content in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{what}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert not re.search(r'(?:src|href)="(?!data:)', re.sub(r"<script.*</script>", "", text))
    assert len(page) < 1 << 20


def test_a_page_holds_the_weights_and_validation_mazes_of_its_agent(page):
    head, arrays = held(page)
    (one,) = head["agents"]
    assert one["facts"]["name"] == PLAIN
    assert one["facts"]["maze"]["mazes"] == len(one["mazes"]) == 64
    weights = [array.size for name, array in arrays.items() if name.startswith("0/")]
    assert sum(weights) == sum(one.numel() for one in load_agent(AGENT).model.parameters())
    assert head["session"]["slots"][0]["agent"] == PLAIN


def test_a_page_opens_with_the_session_that_is_given(tmp_path):
    file = tmp_path / "session.json"
    file.write_text(json.dumps(session((PLAIN,), maze=MAZE)))
    head, _ = held(offline_page([AGENT, file]))
    assert head["session"]["board"]["maze"] == list(MAZE)


def test_agents_that_the_page_cannot_run_are_refused():
    with pytest.raises(ConfigError, match="sees procgen's pixels"):
        offline_page([ROOT / "agents" / PIXELS])


def test_a_page_that_would_be_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(offline, "LARGEST", 1 << 19)
    with pytest.raises(ConfigError, match=r"the page would have 0\.8 MB"):
        offline_page([AGENT])


def test_random_regions_of_a_page_are_those_of_the_edit_list():
    head, arrays = held(offline_page([ROOT / "agents" / ROUTED]))
    regions = head["agents"][0]["regions"]
    ingredients = Shelf([ROOT / "agents" / ROUTED]).open(ROUTED).ingredients
    edit = AblateRegion("ablate", "corner", mode="mean", control=True, seed=3)
    region, means = ingredients.region(edit)
    for part, mean, one in zip(region.parts, means, regions["corner"]["controls"][3], strict=True):
        assert (part.module, list(part.units)) == (one["site"], one["units"])
        assert (arrays[f"0/mean:{part.module}"][one["units"]] == mean.numpy()).all()
    assert "no units in an activation" in regions["gate"]["why"]


def test_the_command_writes_the_file_and_says_where(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("chisel.lab.offline_page", lambda paths: b"x" * (1 << 20))
    file = tmp_path / "demo.html"
    assert main(["export", "lab", str(AGENT), f"to={file}"]) == 0
    assert "1.0 MB" in capsys.readouterr().out
    assert file.stat().st_size == 1 << 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "usage: chisel export lab"),
        (["lab"], "usage: chisel export lab"),
        (["page", "x"], "usage: chisel export lab"),
        (["lab", str(AGENT), "size=3"], "size=3"),
        (["lab", str(AGENT), "to=lab.pdf"], "must end with .html"),
        (["lab", "no/such"], "there is no no/such"),
    ],
)
def test_wrong_words_are_refused_in_one_line(words, said, capsys):
    assert main(["export", *words]) in (2, 3)
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
