"""The harness loads agents, calls a study's function, and writes all that it found."""

import json
import math
import re
import shlex

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy import stats

from chisel.analysis.results import (
    Agents,
    Count,
    DataTable,
    Estimate,
    Result,
    find_results,
    plain,
    run_study,
)
from chisel.analysis.results.harness import Call, over_seeds
from chisel.analysis.results.options import options_of
from chisel.configs import ConfigError, EnvironmentFault, parse_settings, read_options
from chisel.models import Agent
from tests.analysis.conftest import make_run


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """A folder of two seeds."""
    folder = tmp_path_factory.mktemp("runs") / "two"
    for seed in (0, 1):
        make_run(folder / f"seed-{seed}", overrides=[f"seed={seed}"])
    return folder


def of_world(*, draws: Count = 3, seed: int = 0) -> Result:
    """Draw numbers."""
    found = np.random.default_rng(seed).random(draws)
    rows = [{"draw": f"no. {n}", "value": float(one), "of": draws} for n, one in enumerate(found)]
    return Result({"draws": found}, {"draws": DataTable("Draws", rows)}, {"of-world": Figure()})


def of_one(checkpoint: Agent, *, times: float = 1.0) -> Result:
    """Report a number that depends on the seed."""
    seed = checkpoint.config.seed
    value = Estimate(times * seed, times * seed - 1, times * seed + 1, 50)
    rows = [{"what": "number", "value": value, "side": "left" if seed else "right"}]
    if seed:
        rows.append({"what": "of some", "value": 5.0, "side": "left"})
    table = DataTable("Numbers", rows, key=["what"])
    frame = pd.DataFrame({"episode": [0, 1]})
    return Result({"seed": seed}, {"numbers": table}, {"picture": Figure()}, {"episodes": frame})


def of_several(checkpoint: Agents, *, other: Agents | None = None) -> Result:
    """Count agents."""
    return Result({"seeds": [a.config.seed for a in checkpoint], "other": other and len(other)})


def written(folder, study):
    return json.loads((folder / f"{study}.json").read_text())


def test_a_study_of_a_world_is_written_with_tables_figures_and_where_it_comes_from(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    folder = run_study("draw", of_world, {"draws": "4"})
    assert str(folder) == "studies/draw-draws-4"
    data = written(folder, "draw")
    assert data["draws"] == np.random.default_rng(0).random(4).tolist()
    assert data["command"] == "chisel study draw draws=4"
    assert data["versions"]["torch"]
    assert data["study"]["options"] == {"draws": 4, "seed": 0}
    files = {file.name for file in folder.iterdir() if file.suffix not in (".pdf", ".svg")}
    assert files == {"draw.json", "draws.csv", "of-world.png", "tables.json"}
    frame = pd.read_csv(folder / "draws.csv", float_precision="round_trip")
    assert frame.columns.tolist() == ["draw", "value", "of"]
    assert frame["value"].tolist() == data["draws"]
    assert "no. 3" in capsys.readouterr().out


def test_the_recorded_command_has_what_is_not_at_its_default_and_gives_the_same_json(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    first = written(run_study("draw", of_world, {"seed": "5"}), "draw")
    words = shlex.split(first["command"])
    assert words == ["chisel", "study", "draw", "seed=5"]
    assert written(run_study("draw", of_world, parse_settings(words[3:])), "draw") == first


def of_torch() -> Result:
    """Report torch's threads."""
    return Result({"threads": torch.get_num_threads()})


def test_a_study_gets_the_threads_asked_for_and_only_its_command_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    plain_run = written(run_study("count", of_torch, {}), "count")
    folder = run_study("count", of_torch, {"threads": "3"})
    three = written(folder, "count")
    assert (plain_run["threads"], three["threads"]) == (before, 3)
    assert torch.get_num_threads() == before
    commands = plain_run["command"], three["command"]
    assert commands == ("chisel study count", "chisel study count threads=3")
    assert str(folder) == "studies/count"
    assert three["study"]["options"] == {}
    assert find_results("count", of_torch, {"threads": 2}) == folder


@pytest.mark.parametrize("threads", [0, -1, "all", 1.5])
def test_an_impossible_number_of_threads_is_refused(threads):
    with pytest.raises(ConfigError, match=f"threads={threads}: must be a whole number, at least 1"):
        run_study("count", of_torch, {"threads": threads})


def test_a_study_of_one_agent_runs_on_each_seed_and_has_means_over_them(group):
    folder = run_study("one", of_one, {"checkpoint": str(group), "times": "3"})
    assert folder == group / "studies" / "one-times-3.0"
    data = written(folder, "one")
    assert [one["seed"] for one in data["of_each"]] == [0, 1]
    assert len({run["sha256"] for run in data["runs"]}) == 2
    number, some = data["over_seeds"]["numbers"]
    half = stats.t.ppf(0.975, 1) * np.std([0, 3], ddof=1) / math.sqrt(2)
    assert number["value"] == pytest.approx(
        {"value": 1.5, "low": 1.5 - half, "high": 1.5 + half, "n": 2}
    )
    assert (number["side"], number["seeds"], some["seeds"]) == ("right / left", 2, 1)
    assert some["value"] == {"value": 5.0, "low": None, "high": None, "n": 1}
    names = {file.name for file in folder.iterdir()}
    assert {"seed-0-picture.png", "seed-1-picture.png", "numbers.csv", "episodes.csv"} <= names
    assert pd.read_csv(folder / "episodes.csv")["run"].tolist() == ["seed-0"] * 2 + ["seed-1"] * 2


def test_a_joined_table_says_what_its_intervals_are_over_and_not_what_those_of_a_seed_are():
    value = Estimate(1.0, 0.0, 2.0, 9)
    table = DataTable("t", [{"x": value}], "two mazes", spread="95 % intervals over mazes")
    assert table.table().caption == "two mazes; 95 % intervals over mazes"
    one = Result(tables={"t": table})
    joined = over_seeds({"seed-0": one, "seed-1": one}).tables["t"].table().caption
    assert joined == "two mazes; means over 2 seeds, 95 % intervals over seeds (Student's t)"


def test_whole_numbers_stay_whole_in_a_table_where_some_rows_have_none():
    rows = [{"count": 3, "of": 7, "share": Estimate(1.0, 0.0, 2.0, 9), "x": 1.0}, {"of": 8}]
    text = DataTable("t", [*rows, {"count": None, "x": 2.5}]).frame.to_csv(index=False)
    assert text.splitlines() == [
        "count,of,share,share low,share high,share n,x",
        "3,7,1.0,0.0,2.0,9,1.0",
        ",8,,,,,",
        ",,,,,,2.5",
    ]


def test_a_folder_of_seeds_is_refused_where_one_agent_is_compared_with(group):
    def beside(checkpoint: Agent, *, other: Agent | None = None) -> Result:
        return Result({"seed": other and other.config.seed})

    says = rf"^other={group}: one agent only, .* 2 seeds; .* like other={group}/seed-0$"
    with pytest.raises(ConfigError, match=says):
        run_study("beside", beside, {"checkpoint": group / "seed-1", "other": group})
    given = {"checkpoint": group / "seed-1", "other": group / "seed-0"}
    assert written(run_study("beside", beside, given), "beside")["seed"] == 0


def test_of_a_lone_seed_the_result_is_that_seed_s(group):
    folder = run_study("one", of_one, {"checkpoint": group / "seed-1"})
    assert folder == group / "seed-1" / "studies" / "one"
    data = written(folder, "one")
    assert data["seed"] == 1
    assert "of_each" not in data


def test_a_study_of_several_agents_gets_all_of_them_and_those_beside_them(group):
    data = written(run_study("all", of_several, {"checkpoint": group, "other": group}), "all")
    assert (data["seeds"], data["other"]) == ([0, 1], 2)
    assert data["study"]["options"] == {"other": str(group), "env": None}
    assert [run["sha256"] for run in data["runs of other"]] == [r["sha256"] for r in data["runs"]]


def test_an_error_names_the_seed(group):
    def fails(checkpoint: Agent) -> Result:
        if checkpoint.config.seed:
            raise ConfigError("no such layer")
        return Result()

    with pytest.raises(ConfigError, match=r"^seed-1: no such layer$"):
        run_study("fails", fails, {"checkpoint": group})
    assert not (group / "studies" / "fails").exists()


def test_results_of_seeds_stand_under_their_names_beside_what_they_have_together():
    def of(number):
        rows = [{"what": "number", "value": number}]
        frame = pd.DataFrame({"episode": [number]})
        return Result(
            {"number": number}, {"numbers": DataTable("N", rows)}, {"one": Figure()}, {"all": frame}
        )

    joined = Result({"mean": 1.5}, {"numbers": DataTable("Means", [])}, conclusion="Done.")
    found = joined.with_seeds({"seed-1": of(1), "seed-2": of(2)})
    each = [{"run": "seed-1", "number": 1}, {"run": "seed-2", "number": 2}]
    assert found.data == {"mean": 1.5, "of_each": each}
    titles = {name: table.title for name, table in found.tables.items()}
    assert titles == {
        "numbers": "Means",
        "seed-1-numbers": "seed-1: N",
        "seed-2-numbers": "seed-2: N",
    }
    assert list(found.figures) == ["seed-1-one", "seed-2-one"]
    assert found.frames["all"].to_dict("list") == {"episode": [1, 2], "run": ["seed-1", "seed-2"]}
    assert found.conclusion == "Done."


def test_a_failure_ends_the_study_after_all_is_written_and_the_conclusion_printed(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)

    def fails() -> Result:
        """Find that something does not hold."""
        return Result({"held": 1}, conclusion="1 of 2 held", failure="one does not hold")

    with pytest.raises(EnvironmentFault, match=r"^one does not hold$"):
        run_study("fails", fails, {"out": "found"}, written=print)
    assert capsys.readouterr().out.splitlines() == ["found", "1 of 2 held"]
    assert json.loads((tmp_path / "found" / "fails.json").read_text())["held"] == 1
    both = Result().with_seeds({"seed-1": fails(), "seed-2": Result()})
    assert both.failure == "seed-1: one does not hold"


def test_plain_values_have_neither_nan_nor_what_is_not_shown():
    table = {"a": Estimate(math.nan, -math.inf, 1.0, 3), "b": np.arange(2), "c": (True, None)}
    found = plain(table)
    assert found["a"] == {"value": None, "low": None, "high": 1.0, "n": 3}
    assert found["b"] == [0, 1]
    assert found["c"] == [True, None]
    with pytest.raises(TypeError, match="object cannot be written"):
        plain(object())


def test_a_cell_without_a_value_is_a_dash_and_an_infinite_one_says_so():
    nan, inf = math.nan, math.inf
    cells = (None, nan, Estimate(nan, nan, nan, 0), inf, Estimate(-inf, nan, nan, 2), 0.125)
    (column,) = DataTable("t", [{"x": cell} for cell in cells]).table().columns
    assert list(column.cells) == ["-", "-", "-", "∞", "-∞", "0.12"]


def example(
    *, levels: int = 6, kind: str = "a", rate: float = 0.5, coeffs: tuple[float, ...] = (1.0,)
) -> Result:
    """Stand in for a study."""
    return Result()


calls = st.fixed_dictionaries(
    {},
    optional={
        "levels": st.integers(-2, 30),
        "kind": st.text("abE-_./ ,=äx1", max_size=60),
        "rate": st.sampled_from([0.5, 1.0, -1.0, 1e-9]),
        "coeffs": st.sampled_from([(1.0,), (1.0, 2.0), (12.0,)]),
    },
)


def called(given_options):
    options = options_of("example", example)
    return Call("example", options, read_options("example", options, given_options))


@given(calls, calls)
def test_folders_have_the_same_name_only_where_options_are_the_same(one, other):
    first, second = called(one), called(other)
    assert (first.words() == second.words()) == (first.plain == second.plain)
    assert re.fullmatch(r"[A-Za-z0-9._-]{0,60}", first.words())
    assert (first.words() == "") == (first.changed == {})


def test_few_plain_options_are_spelt_out():
    assert called({"levels": 9, "kind": "b"}).words() == "levels-9-kind-b"
