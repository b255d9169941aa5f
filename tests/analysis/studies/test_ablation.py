"""The ablation matrix of shipped weights, one agent or several seeds."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chisel.analysis import studies
from chisel.analysis.evaluation import agent_ablation_matrix
from chisel.analysis.results import plain
from chisel.configs import ConfigError
from chisel.models import load_agent

AGENTS = Path(__file__).parents[3] / "agents"


ROUTED = AGENTS / "maze-routed-dropping"


def study(checkpoint, out, **options):
    folder = studies.run("ablation", checkpoint=checkpoint, out=out, controls=1, **options)
    return folder, json.loads((folder / "ablation.json").read_text())


def test_shipped_weights_suffice_and_each_row_is_the_matrix_of_that_agent(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "200")  # a narrow terminal breaks names of rows
    folder, found = study(ROUTED / "seed-10", tmp_path / "out", levels=24, split="validation")
    settings = ["eval.levels=24", "eval.split=validation"]
    matrix = agent_ablation_matrix(load_agent(ROUTED / "seed-10"), overrides=settings, controls=1)
    assert found["ablation"] == plain(matrix)
    assert {p.name for p in folder.iterdir() if p.suffix not in (".pdf", ".svg")} == {
        "ablation.csv",
        "ablation.json",
        "ablation.png",
        "tables.json",
    }
    assert "split=validation" in found["command"]
    printed = capsys.readouterr().out
    assert "random 1, size of corner" in printed
    assert "random:corner" not in printed


def group_of_two(folder, agents=ROUTED):
    folder.mkdir()
    for seed in (10, 11):
        (folder / f"seed-{seed}").symlink_to(agents / f"seed-{seed}")
    return folder


def test_a_folder_of_seeds_gives_means_over_them(tmp_path):
    _, found = study(group_of_two(tmp_path / "group"), tmp_path / "out", levels=24)
    assert [run["config"]["seed"] for run in found["runs"]] == [10, 11]

    def value(table):
        return {r["name"]: r["metrics"]["P(cheese)"]["value"] for r in table["rows"]}

    each = [value(table) for table in found["of_each"]]
    assert each[0] != each[1]
    for name, mean in value(found["ablation"]).items():
        assert mean == pytest.approx(np.mean([one[name] for one in each]))


def test_another_group_is_subtracted_seed_by_seed_with_the_interval_of_the_pairs(tmp_path):
    group = group_of_two(tmp_path / "group")
    other = group_of_two(tmp_path / "other", AGENTS / "maze-routed-all-labels")
    _, found = study(group, tmp_path / "out", levels=8, other=other)
    for part in ("metrics", "change"):
        ends = [
            [
                {row["name"]: row[part]["P(corner)"]["value"] for row in table["rows"]}
                for table in found[name]
            ]
            for name in ("of_each", "of_each_other")
        ]
        for row in found["difference"]["rows"]:
            pairs = [one[row["name"]] - two[row["name"]] for one, two in zip(*ends, strict=True)]
            shown = row[part]["P(corner)"]
            assert shown["value"] == pytest.approx(np.mean(pairs))
            half = 12.706 * np.std(pairs, ddof=1) / np.sqrt(2)
            limit = 1 if part == "metrics" else 2
            if half:
                low, high = shown["value"] - half, shown["value"] + half
                assert shown["low"] == pytest.approx(max(low, -limit), abs=1e-3)
                assert shown["high"] == pytest.approx(min(high, limit), abs=1e-3)
    table = pd.read_csv(tmp_path / "out" / "difference.csv")
    assert list(table["without"])[:2] == ["none", "cheese"]


def test_groups_of_other_seeds_are_no_pairs(tmp_path):
    with pytest.raises(ConfigError, match="pairs have the same seeds; these are one network"):
        study(group_of_two(tmp_path / "group"), tmp_path / "out", other=ROUTED / "seed-10")


def test_ablations_of_two_modes_lie_side_by_side_and_say_which_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    group = group_of_two(tmp_path / "group")
    found = {}
    for mode in ("zero", "mean"):
        folder, found[mode] = study(group, None, levels=8, mode=mode)
        words = {"zero": "levels-8-controls-1", "mean": "levels-8-mode-mean-controls-1"}[mode]
        assert folder.parent == Path("studies/ablation")
        assert folder.name.startswith("group-")
        assert folder.name.endswith(words)
        tables = json.loads((folder / "tables.json").read_text())["tables"]
        assert ["mean ablation" in one["title"] for one in tables] == [mode == "mean"]
    assert found["zero"]["ablation"] != found["mean"]["ablation"]


def test_an_agent_without_regions_is_refused_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="region"):
        study(AGENTS / "maze-quick" / "seed-0", tmp_path / "out", levels=24)
