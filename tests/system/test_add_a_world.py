"""The package of "Add a world" is as short as it says, and all its commands work."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from chisel.cli.main import main
from tests import plugins

PAGE = Path(__file__).parents[2] / "docs/howto/add-a-world.md"
FENCE = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder with the files of the page, installed as pip would."""
    (tmp_path / "coin").mkdir()
    for _, name, text in FENCE.findall(PAGE.read_text()):
        if name:
            (tmp_path / name).write_text(text)
    points = (tmp_path / "pyproject.toml").read_text().split("[project.entry-points.")[1:]
    lines = (f"[{text}".replace('"', "") for text in points)
    plugins.install(tmp_path, "coin", "\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("coin", "coin.world"):
        sys.modules.pop(name, None)


def test_the_package_has_less_than_sixty_lines(package):
    texts = [(package / "coin" / name).read_text() for name in ("__init__.py", "world.py")]
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    assert len(lines) < 60


def test_the_package_trains_is_judged_and_studied_by_the_commands_of_the_page(package, capsys):
    commands = [line[2:] for line in PAGE.read_text().splitlines() if line.startswith("$ chisel ")]
    assert len(commands) >= 8
    for command in commands:
        settings = ["trainer.progress=false"] if " train " in command else []
        assert main([*shlex.split(command)[1:], *settings]) in (None, 0), command
    group = package / "runs/coin/two"
    judged = json.loads((group / "studies/eval/eval.json").read_text())
    assert [metric["name"] for metric in judged["metrics"]] == ["right"]
    agent, random = (
        next(score for score in judged["scores"] if score["player"] == player)
        for player in ("agent", "random")
    )
    assert agent["metrics"]["right"]["value"] > random["metrics"]["right"]["value"]
    sure = json.loads((group / "studies/sure-coins-50/sure.json").read_text())
    (row,) = sure["over_seeds"]["sure"]
    assert row["P(side)"]["n"] == 2
    assert "<h2" in (group / "studies/report/report.html").read_text()
    assert "P(side)" in capsys.readouterr().out
