"""The package of "Add a world" is as short as it says, and all its commands work."""

import json
import re
import shlex

from chisel.cli.main import main
from tests.system.conftest import DOCS

PAGE = (DOCS / "howto/add-a-world.md").read_text()
FENCE = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_page_shows_the_files_of_the_example():
    shown = dict(FENCE.findall(PAGE))
    example = DOCS / "examples/coin"
    assert shown == {
        str(file.relative_to(example)): file.read_text()
        for file in example.rglob("*")
        if file.suffix in {".py", ".toml", ".yaml"}
    }


def test_the_package_has_less_than_sixty_lines(coin):
    texts = [(coin / "coin" / name).read_text() for name in ("__init__.py", "world.py")]
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    assert len(lines) < 60


def test_the_package_trains_is_judged_and_studied_by_the_commands_of_the_page(coin, capsys):
    lines = PAGE.splitlines()
    commands = [line[2:] for line in lines if line.startswith("$ chisel ")]
    assert len(commands) >= 8
    for command in commands:
        settings = ["trainer.progress=false"] if " train " in command else []
        assert main([*shlex.split(command)[1:], *settings]) in (None, 0), command
    (check,) = (line for line in lines if line.startswith("$ python -c "))
    exec(shlex.split(check)[3], {})
    group = coin / "runs/coin/two"
    judged = json.loads((group / "studies/eval/eval.json").read_text())
    assert [metric["name"] for metric in judged["metrics"]] == ["right"]
    agent, random = (
        next(score for score in judged["scores"] if score["player"] == player)
        for player in ("agent", "random")
    )
    assert agent["metrics"]["right"]["value"] > random["metrics"]["right"]["value"]
    sure = json.loads((group / "studies/coin-sure-states-50/coin-sure.json").read_text())
    (row,) = sure["over_seeds"]["sure"]
    assert row["P(side)"]["n"] == 2
    ablated = json.loads(
        (coin / "runs/routed/one/studies/ablation-levels-200-gates-true/ablation.json").read_text()
    )
    right = {row["name"]: row["metrics"]["right"]["value"] for row in ablated["ablation"]["rows"]}
    assert max(right["heads"], right["tails"]) < right["none"] - 0.2
    random = [value for name, value in right.items() if name.startswith("random:")]
    assert max(random) < right["none"] - 0.2, "controls with a unit of the gate break as much"
    assert "<h2" in (group / "studies/report/report.html").read_text()
    assert "P(side)" in capsys.readouterr().out
