"""Several values for a key: which runs they span, what a list is, how folders are named."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel import configs
from chisel.cli.main import main
from chisel.configs import ConfigError

LEVELS: dict[str, dict[str, object]] = {
    "seed": {"0": 0, "1": 1, "12": 12},
    "algo.gamma": {"0.5": 0.5, ".9": 0.9, "1": 1.0},
    "algo.learning_rate": {"1e-3": 0.001, "3e-4": 0.0003},
    "trainer.compile": {"true": True, "no": False},
    "model.channels": {"[16,32,32]": (16, 32, 32), "[4, 8, 8]": (4, 8, 8)},
    "init_seed": {"null": None, "3": 3},
    "init_from": {"a": "a", "'b,c'": "b,c", '"d"': "d"},
}
"""Options of maze/smoke: how values are typed, and what they mean."""


@st.composite
def spans(draw: st.DrawFn) -> list[tuple[str, list[str]]]:
    keys = draw(st.lists(st.sampled_from(sorted(LEVELS)), unique=True, min_size=1, max_size=3))
    return [
        (key, draw(st.lists(st.sampled_from(list(LEVELS[key])), unique=True, min_size=1)))
        for key in keys
    ]


def odometer(sizes: list[int]) -> list[list[int]]:
    """Every choice of a digit below each size, counted up from zero, the last digit fastest."""
    found = []
    for number in range(math.prod(sizes)):
        digits, rest = [], number
        for size in reversed(sizes):
            rest, digit = divmod(rest, size)
            digits.append(digit)
        found.append(digits[::-1])
    return found


@settings(max_examples=15, deadline=None)
@given(spans())
def test_the_runs_are_the_product_of_all_values_the_last_key_fastest(
    spanned: list[tuple[str, list[str]]],
) -> None:
    typed = [f"{key}={','.join(values)}" for key, values in spanned]
    grid = configs.load_grid("maze/smoke", typed)
    assert grid.keys == tuple(key for key, values in spanned if len(values) > 1)
    plain = [configs.flatten(configs.to_plain(config)) for config in grid.runs.values()]
    found = [[one[key] for key, _ in spanned] for one in plain]
    assert found == [
        [as_list(LEVELS[key][values[d]]) for (key, values), d in zip(spanned, digits, strict=True)]
        for digits in odometer([len(values) for _, values in spanned])
    ]


def as_list(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("typed", [[], ["seed=3"], ["init_seed=0"], ["model.channels=[4,8,8]"]])
def test_without_several_values_there_is_one_run_without_a_folder(typed: list[str]) -> None:
    grid = configs.load_grid("maze/smoke", typed)
    assert grid == configs.Grid((), {"": configs.load("maze/smoke", typed)})


def test_a_key_that_holds_a_list_takes_one_without_brackets_and_several_with_them() -> None:
    one = configs.load_grid("maze/smoke", ["model.channels=16,32,32"])
    assert [config.model.channels for config in one.runs.values()] == [(16, 32, 32)]
    several = configs.load_grid("maze/smoke", ["model.channels=[16,32,32],[4,8,8]"])
    assert {folder: config.model.channels for folder, config in several.runs.items()} == {
        "channels=16-32-32": (16, 32, 32),
        "channels=4-8-8": (4, 8, 8),
    }
    words = configs.load_grid("maze/quick", ["tracking.tags=a,b"])
    assert [config.tracking.tags for config in words.runs.values()] == [("a", "b")]


def test_whether_a_key_holds_a_list_is_the_chosen_components_to_say() -> None:
    typed = ["env.name=maze", "model.name=impala", "model.channels=4,8,8"]
    (config,) = configs.load_grid("maze/smoke", typed).runs.values()
    assert config.model.channels == (4, 8, 8)


def test_each_run_has_the_options_of_its_own_component() -> None:
    grid = configs.load_grid("gridworld/ppo", ["algo.name=ppo,reinforce", "seed=0,1"])
    assert {folder: type(config.algo).__name__ for folder, config in grid.runs.items()} == {
        "algo=ppo/seed-0": "PPOConfig",
        "algo=ppo/seed-1": "PPOConfig",
        "algo=reinforce/seed-0": "ReinforceConfig",
        "algo=reinforce/seed-1": "ReinforceConfig",
    }


WRONG = {
    "a run that cannot be": (["algo.gamma=0.9,2"], "at most 1, in the run with algo.gamma=2"),
    "an option that one component lacks": (
        ["algo.name=ppo,reinforce", "algo.clip_coef=0.2", "seed=0,1"],
        "algo.clip_coef.*in the run with algo.name=reinforce seed=0",
    ),
    "a value twice": (["algo.gamma=0.9,0.9"], "0.9 is listed twice"),
    "a value written in two ways": (["algo.gamma=0.9,.90"], "are the same run"),
    "a seed twice": (["seed=1,1"], "1 is listed twice"),
    "an empty value": (["algo.gamma=0.9,,0.8"], "a value is empty"),
    "an empty value at the end": (["seed=0,"], "a value is empty"),
    "a list among words": (["model.channels=[4,8,8],16"], "each in brackets"),
    "a name": (["name=a,b"], "name = 'a,b'"),
    "several folders of runs": (["runs_dir=a,b"], "holds a comma"),
    "a key twice": (["seed=0,1", "seed=2"], "seed is given twice"),
    "too many": ([f"seed={','.join(map(str, range(1001)))}"], "1,001 runs"),
    "an unknown key": (["algo.gama=0.9,0.8"], "did you mean algo.gamma"),
    "an unknown component": (["algo.name=ppo,pppo"], "pppo"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line_that_names_the_run(name: str) -> None:
    typed, said = WRONG[name]
    experiment = "gridworld/ppo" if "algo.name" in typed[0] else "maze/smoke"
    with pytest.raises(ConfigError, match=said) as caught:
        configs.load_grid(experiment, typed)
    assert "\n" not in str(caught.value)


def test_a_comma_in_quotes_separates_nothing() -> None:
    grid = configs.load_grid("maze/smoke", ["init_from='runs/a,b',\"c,d\""])
    assert [config.init_from for config in grid.runs.values()] == ["runs/a,b", "c,d"]


FOLDERS = {
    ("seed=3,1",): ["seed-3", "seed-1"],
    ("algo.learning_rate=1e-3,3e-4",): ["learning_rate=0.001", "learning_rate=0.0003"],
    ("init_seed=null,4",): ["init_seed=null", "init_seed=4"],
    ("eval.seed=1,2", "seed=0,1"): [f"eval.seed={a}/seed-{b}" for a in (1, 2) for b in (0, 1)],
    ("trainer.compile=yes,no",): ["compile=true", "compile=false"],
    ("frames=2e3,4096",): ["frames=2000", "frames=4096"],
    ("algo.gamma=0.9,0.99", "env.region=3,4"): [
        f"gamma={a}_region={b}" for a in (0.9, 0.99) for b in (3, 4)
    ],
}


@pytest.mark.parametrize("typed", FOLDERS, ids=" ".join)
def test_folders_say_what_varies_in_the_shortest_words_that_tell_it(typed: tuple[str]) -> None:
    assert list(configs.load_grid("maze/smoke", typed).runs) == FOLDERS[typed]


def test_any_text_makes_a_short_folder_that_every_command_takes_and_no_two_share_one() -> None:
    paths = ["runs/a b", "runs/a-b", "runs/ä", "x" * 300, "x" * 299 + "y"]
    grid = configs.load_grid("maze/smoke", [f"init_from={','.join(paths)}", "seed=0,1"])
    assert len(grid.runs) == 10
    names = {folder.partition("/")[0] for folder in grid.runs}
    assert len(names) == 5
    assert all(re.fullmatch(r"[A-Za-z0-9._+=-]{1,100}", name) for name in names)
    again = configs.load_grid("maze/smoke", [f"init_from={','.join(paths[::-1])}", "seed=1,0"])
    assert set(again.runs) == set(grid.runs), "names don't depend on the order"


def test_check_prints_the_runs_as_comments_and_then_every_config(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import yaml

    assert main(["check", "maze/smoke", "algo.gamma=0.9,0.99", "seed=0,1"]) == 0
    printed = capsys.readouterr().out
    table = [line.split() for line in printed.splitlines() if line.startswith("# ")]
    assert table == [
        ["#", "4", "runs"],
        ["#", "algo.gamma", "seed", "folder"],
        *(
            ["#", str(gamma), str(seed), f"gamma={gamma}/seed-{seed}"]
            for gamma in (0.9, 0.99)
            for seed in (0, 1)
        ),
    ]
    documents = list(yaml.safe_load_all(printed))
    assert [(one["algo"]["gamma"], one["seed"]) for one in documents] == [
        (0.9, 0),
        (0.9, 1),
        (0.99, 0),
        (0.99, 1),
    ]


def test_a_wrong_grid_is_refused_before_torch_is_loaded_or_a_folder_made(tmp_path: Path) -> None:
    script = (
        "import json, sys\n"
        "from chisel.cli.main import main\n"
        "codes = [main(a) for a in json.loads(sys.argv[1])]\n"
        "print(codes, 'torch' in sys.modules)\n"
    )
    typed = ["maze/smoke", "algo.gamma=0.9,2", "seed=0,1"]
    lines = [["check", "maze/smoke", "seed=0,1"], ["check", *typed], ["train", *typed, "jobs=2"]]
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(lines)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[0, 2, 2] False"
    assert len(done.stderr.splitlines()) == 2
    assert not list(tmp_path.iterdir())
