"""Files of version 0.1 are read under today's names; on the command line old names are refused."""

import json
import re
from pathlib import Path

import pytest

from chisel import configs
from chisel.analysis.results import compare
from chisel.cli.main import main
from chisel.configs import ConfigError

ROOT = Path(__file__).parents[2]
AGENTS = sorted(
    path.parent
    for path in ROOT.glob("agents/**/agent.json")
    if json.loads(path.read_text())["format"] == 1
)
"""Agents that version 0.1 shipped."""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes `mine.yaml`, in whose folder the test then is."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="mine.yaml"):
        Path(name).write_text(text)
        return name

    return write


def test_all_agents_of_version_01_are_still_shipped_as_they_were():
    assert len(AGENTS) == 47


@pytest.mark.parametrize("folder", AGENTS, ids=lambda one: str(one.relative_to(ROOT / "agents")))
def test_the_config_of_every_agent_of_version_01_converts_and_keeps_its_values(folder):
    text = (folder / "config.yaml").read_text()
    config = configs.load(str(folder / "config.yaml"))
    (size,) = re.findall(r"^    bank: (\d+)$", text, re.MULTILINE)
    assert config.env.levels.set_size == int(size)
    assert config.corpus is None
    assert not {"bank", "data"} & {
        k.rpartition(".")[2] for k in configs.flatten(configs.to_plain(config))
    }


def test_a_file_may_name_its_options_and_its_base_as_before(file):
    bank = configs.load(file("extends: maze/quick\nenv: {levels: {bank: 77}}\n"))
    assert bank.env.levels.set_size == 77
    explores = configs.load(file("extends: gridworld/aup-ppo\nalgo: {aux: {seekers: 0.5}}\n"))
    assert explores.algo.aux.exploring == 0.5
    mnist = configs.load(file("extends: digits/mnist-split\ndata: {path: here}\n"))
    assert mnist.corpus == configs.MnistConfig(path="here")


def test_a_base_of_version_01_and_an_override_of_this_one_go_together(file):
    file("extends: maze/quick\nenv: {levels: {bank: 77, max_size: 7}}\n", "base.yaml")
    mine = file("extends: base.yaml\nenv: {levels: {set_size: 88}}\n")
    assert configs.load(mine).env.levels.set_size == 88
    levels = configs.load(mine, ["env.levels.set_size=99"]).env.levels
    assert (levels.set_size, levels.max_size) == (99, 7)


@pytest.mark.parametrize(
    ("text", "old"),
    [
        ("extends: maze/quick\nenv: {levels: {bank: 7, set_size: 8}}\n", "env.levels.bank"),
        (
            "extends: gridworld/aup-ppo\nalgo: {aux: {exploring: 0, seekers: 0}}\n",
            "algo.aux.seekers",
        ),
        ("extends: digits/halves\ndata: {name: digits}\ncorpus: {name: digits}\n", "data"),
    ],
)
def test_a_file_with_the_old_and_the_new_name_is_refused_in_one_line(file, text, old):
    with pytest.raises(ConfigError) as error:
        configs.load(file(text))
    assert str(error.value).startswith(f"mine.yaml: {old} is called ")
    assert str(error.value).endswith(f"leave {old} out")


@pytest.mark.parametrize(
    ("experiment", "setting", "line"),
    [
        (
            "maze/quick",
            "env.levels.bank=9",
            "env.levels.bank is called env.levels.set_size since 0.2",
        ),
        ("maze/quick", "data.name=digits", "data is called corpus since 0.2"),
        (
            "gridworld/aup-ppo",
            "algo.aux.seekers=0.5",
            "algo.aux.seekers is called algo.aux.exploring since 0.2",
        ),
        ("digits/split", "seed=1", "digits/split is called digits/halves since 0.2"),
        (
            "digits/mnist-split",
            "seed=1",
            "digits/mnist-split is called digits/mnist-halves since 0.2",
        ),
    ],
)
def test_an_old_name_on_the_command_line_is_refused_with_the_new_one(
    experiment, setting, line, capsys
):
    assert main(["check", experiment, setting]) == 2
    assert capsys.readouterr().err == f"chisel: {line}\n"


def test_a_group_that_is_no_group_is_refused_by_the_schema(file):
    with pytest.raises(ConfigError, match=r"env\.levels is a group"):
        configs.load(file("extends: maze/quick\nenv: {levels: 3}\n"))


def test_an_evaluation_of_an_old_version_is_not_compared_and_that_is_said(tmp_path):
    config = {"env": {"levels": {"bank": 64, "max_size": 5}}, "eval": {"levels": 4}}
    share = {"value": 0.5, "low": 0.2, "high": 0.8, "n": 4}
    score = {"player": "agent", "cheese": "anywhere", "size": None}
    score |= {"success": share, "efficient": share}
    (tmp_path / "old/studies/eval").mkdir(parents=True)
    (tmp_path / "old/metrics.csv").write_text("iteration,env_steps,charts/success\n1,64,0.5\n")
    found = {"scores": [score], "env_steps": 64, "sha256": "old", "config": config}
    (tmp_path / "old/studies/eval/eval.json").write_text(json.dumps(found))
    comparison = compare([tmp_path / "old"], out=tmp_path / "out")
    assert comparison.lines[0].evaluation == {}
    assert "made by an earlier version; evaluate the run again" in comparison.table().caption
