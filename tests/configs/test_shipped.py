"""Shipped agents are found by name, whatever the current folder is."""

from pathlib import Path

import pytest

from chisel.configs import CheckpointError, agent_name, agent_path, shipped_agents

ROOT = Path(__file__).resolve().parents[2]


def test_a_name_is_a_folder_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seed = ROOT / "agents" / "maze-quick" / "seed-0"
    assert agent_path("agents:maze-quick/seed-0") == seed
    assert agent_path("agents:maze-quick") == seed, "the only seed stands for the folder"
    assert agent_path("agents:maze-plain") == ROOT / "agents" / "maze-plain"
    assert agent_path(Path("agents:maze-quick")) == seed


@pytest.mark.parametrize("path", ["runs/a", "agents/maze-quick", "", "agents", Path("x.pth")])
def test_another_path_stays_as_it_is(path):
    assert agent_path(path) == Path(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("agents:maze-quik", "did you mean agents:maze-quick/seed-0?"),
        ("agents:of-another-project", "in the folder agents/ of Chisel's repository"),
        (
            "agents:",
            "there is no agents:; here: agents:language-modules, agents:language-routed, "
            "agents:language-stories-full, agents:language-stories, ",
        ),
        ("agents:../configs", "there is no agents:../configs; "),
        ("agents:README.md", "there is no agents:README.md; "),
    ],
)
def test_an_unknown_name_is_one_line_that_says_where_agents_are(name, said):
    with pytest.raises(CheckpointError) as caught:
        agent_path(name)
    assert said in str(caught.value)
    assert "the folder agents/ of Chisel's repository" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_installed_package_finds_the_agents_of_a_clone_around_the_current_folder(
    tmp_path, monkeypatch
):
    installed, clone = tmp_path / "site-packages" / "agents", tmp_path / "clone"
    for seed in (installed / "a" / "seed-0", clone / "agents" / "b" / "seed-3"):
        seed.mkdir(parents=True)
        (seed / "agent.json").write_text("{}")
    (clone / "agents" / "README.md").write_text("")
    (clone / "docs").mkdir()
    monkeypatch.setattr("chisel.configs.shipped._HERE", installed)
    monkeypatch.chdir(tmp_path)
    assert shipped_agents() == ["agents:a/seed-0"]
    with pytest.raises(CheckpointError, match=r"here: agents:a\. Others are in"):
        agent_path("agents:far-away")
    monkeypatch.chdir(clone / "docs")
    assert shipped_agents() == ["agents:a/seed-0", "agents:b/seed-3"]
    assert agent_path("agents:b") == clone / "agents" / "b" / "seed-3"


def test_the_path_of_a_shipped_agent_is_shown_by_its_name():
    assert agent_name(ROOT / "agents" / "maze-quick" / "seed-0") == "agents:maze-quick/seed-0"
    for path in ("agents/maze-quick/seed-0", "runs/a", str(ROOT / "runs" / "a")):
        assert agent_name(Path(path)) == path


def test_every_folder_of_agents_has_a_name():
    seeds = {file.parent for file in (ROOT / "agents").glob("*/*/agent.json")}
    assert {agent_path(name) for name in shipped_agents()} == seeds
