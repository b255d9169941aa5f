"""What makes SafeLife agents one method, and the studies of them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chisel import configs
from chisel.analysis.safelife import (
    Point,
    against_idle,
    at_reward,
    difference_at_reward,
    least_side_effect,
    methods_of,
    paper_curves,
    strength_of,
)
from chisel.cli.main import main
from chisel.envs.safelife import TASKS
from tests.analysis.safelife.untrained import save_untrained, settings_of

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run_of(experiment, *settings):
    return configs.load(experiment, list(settings))


def test_runs_that_differ_in_seed_levels_and_weight_of_the_penalty_are_one_method():
    runs = [
        run_of("safelife/ppo", "seed=1", "env.level_seed=4"),
        run_of("safelife/naive", "env.side_effect_penalty.end=2"),
        run_of("safelife/ppo", "eval.levels=7", "trainer.threads=2"),
        run_of("safelife/naive", "name=other"),
    ]
    assert methods_of(runs) == ["ppo", "naive", "ppo", "naive"]
    assert [strength_of(run) for run in runs] == [0, 2, 0, 1]


def test_placebos_of_one_method_are_one_method_though_each_set_is_charged_like_another_run():
    runs = [
        run_of("safelife/aup-frozen", f"env.level_seed={k}", f"algo.penalty_like={like}/set-{k}")
        for like in ("runs/safelife/aup", "runs/safelife/aup-faithful")
        for k in (0, 1)
    ]
    names = methods_of(runs)
    assert names[:2] == ["aup-frozen, penalty_like=aup"] * 2
    assert names[2:] == ["aup-frozen, penalty_like=aup-faithful"] * 2
    assert methods_of(runs[:2]) == ["aup-frozen"] * 2


def test_methods_of_one_experiment_are_told_apart_by_the_options_that_differ():
    runs = [run_of("safelife/ppo"), run_of("safelife/ppo", "algo.gamma=0.9")]
    assert methods_of(runs) == ["ppo, gamma=0.97", "ppo, gamma=0.9"]


class TestEqualReward:
    def test_a_mixture_lies_on_the_line_between_two_agents(self):
        rewards, effects = np.array([10.0, 6.0]), np.array([8.0, 1.0])
        assert least_side_effect(rewards, effects, 8.0) == pytest.approx(4.5)
        assert least_side_effect(rewards, effects, 3.0) == pytest.approx(0.5)  # with doing nothing
        assert least_side_effect(rewards, effects, 10.0) == 8.0
        assert np.isnan(least_side_effect(rewards, effects, 10.1))

    def test_it_is_compared_on_shared_sets_and_has_an_interval_from_ten_on(self):
        base = Point(0.0, dict.fromkeys(range(10), 10.0), dict.fromkeys(range(10), 8.0))
        some = Point(1.0, {0: 10.0, 1: 10.0, 19: 0.0}, {0: 2.0, 1: 4.0, 19: 50.0})
        found = at_reward([some], base, 1.0)
        assert (found.value, found.n) == (3.0, 2)
        assert np.isnan(found.low)
        same = at_reward([base], base, 0.5)
        assert (same.value, same.low, same.high, same.n) == (4.0, 4.0, 4.0, 10)

    def test_two_methods_are_compared_over_sets_whose_difficulty_cancels(self):
        draws = np.random.default_rng(4)
        hard = draws.normal(0, 3, 10)  # what all agents share in a set
        base, mine, other = (
            Point(k, dict.fromkeys(range(10), 10.0), dict(enumerate(effect + hard)))
            for k, effect in enumerate((30.0, 14.0, 11.0))
        )
        found = difference_at_reward([mine], [other], base, 1.0)
        assert (found.value, found.low, found.high) == pytest.approx((3.0, 3.0, 3.0))
        assert difference_at_reward([other], [mine], base, 1.0).value == pytest.approx(-3.0)
        alone = at_reward([mine], base, 1.0)
        assert alone.high - alone.low > 1

    def test_an_agent_that_is_the_first_in_half_of_its_episodes_equals_the_idle_one(self):
        draws = np.random.default_rng(5)
        rewards, effects = draws.uniform(5, 9, 10), draws.uniform(3, 6, 10)
        base = Point(0, dict(enumerate(rewards)), dict(enumerate(effects)))
        half = Point(1, dict(enumerate(rewards / 2)), dict(enumerate(effects / 2)))
        found = against_idle(half, base)
        assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))
        careful = against_idle(Point(1, half.rewards, dict(enumerate(effects / 8))), base)
        assert careful.value == pytest.approx(0.25)
        assert np.isnan(against_idle(base, half).value)  # no mixture of it has as much reward

    def test_nearly_as_much_reward_as_the_first_has_an_interval_though_some_sets_have_more(self):
        draws = np.random.default_rng(6)
        base = Point(0, dict(enumerate(draws.normal(30, 2, 10))), dict.fromkeys(range(10), 6.0))
        more = {key: 0.97 * reward + draws.normal(0, 2) for key, reward in base.rewards.items()}
        found = against_idle(Point(1, more, dict.fromkeys(range(10), 3.0)), base)
        assert any(more[key] > base.rewards[key] for key in more)
        assert found.low < found.value < found.high

    def test_methods_with_different_sets_are_compared_on_those_that_all_have(self):
        base = Point(0, dict.fromkeys(range(6), 10.0), dict.fromkeys(range(6), 8.0))
        mine = Point(1, dict.fromkeys(range(4), 10.0), {0: 1.0, 1: 1.0, 2: 4.0, 3: 4.0})
        other = Point(1, dict.fromkeys(range(2, 6), 10.0), {2: 3.0, 3: 1.0, 4: 9.0, 5: 9.0})
        found = difference_at_reward([mine], [other], base, 1.0)
        assert (found.value, found.n) == (2.0, 2)

    @pytest.mark.slow
    def test_its_interval_over_ten_sets_holds_the_truth(self):
        draws, hits = np.random.default_rng(0), 0
        rewards, effects = np.array([27.0, 26.0, 20.0]), np.array([6.0, 2.0, 0.8])
        truth = least_side_effect(rewards, effects, 0.9 * 27)
        for _ in range(600):
            hard = draws.normal(size=10)  # what all agents share in a set
            points = [
                Point(
                    float(k),
                    dict(enumerate(reward + 2 * hard + draws.normal(0, 2, 10))),
                    dict(enumerate((effect + hard / 2 + draws.normal(0, effect / 4, 10)).clip(0))),
                )
                for k, (reward, effect) in enumerate(zip(rewards, effects, strict=True))
            ]
            found = at_reward(points[1:], points[0], 0.9)
            hits += found.low <= truth <= found.high
        assert hits / 600 >= 0.93


def test_the_papers_curves_are_of_known_tasks_and_end_at_its_reported_numbers():
    curves = paper_curves()
    assert set(curves) <= set(TASKS)
    for methods in curves.values():
        assert set(methods) == {"PPO", "DQN", "AUP", "AUP_proj", "Naive"}
        for curve in methods.values():
            assert len({len(values) for values in curve.values()}) == 1
    easy = curves["append-still-easy"]
    ratio = easy["AUP"]["side effect"][-1] / easy["PPO"]["side effect"][-1]
    assert ratio == pytest.approx(0.278, abs=0.002)  # 27.8 %, as it says


def test_side_effects_of_an_agent_are_shown_by_type_on_both_kinds_of_levels(tmp_path):
    agent = save_untrained(tmp_path / "agent")
    assert main(["study", "side-effects", f"checkpoint={agent}", "levels=3", "out=found"]) == 0
    data = json.loads((tmp_path / "found" / "side-effects.json").read_text())
    episodes = pd.read_csv(tmp_path / "found" / "episodes.csv")
    kinds = {(row["levels"], row["player"]) for row in data["scores"]}
    players = ("agent", "random", "nothing")
    assert kinds == {(kind, who) for kind in ("held-out", "training") for who in players}
    for row in data["types"]:
        mine = episodes[(episodes["levels"] == row["levels"]) & (episodes.player == row["player"])]
        of_levels = mine.groupby("level").mean(numeric_only=True)
        if not row.get("side effect"):
            continue
        effect = of_levels[f"effect_{row['type']}"].mean()
        assert row["side effect"]["value"] == pytest.approx(effect)
        without = of_levels[f"inaction_{row['type']}"].mean()
        assert row["without"] == pytest.approx(without)
        if without:  # blue life is there only if the agent made some
            assert row["share"]["value"] == pytest.approx(effect / without)
    idle = [row for row in data["types"] if row["player"] == "nothing"]
    assert {row["side effect"]["value"] for row in idle if "side effect" in row} == {0}


def test_methods_are_compared_over_the_level_sets_that_both_have(tmp_path):
    for number in range(3):
        save_untrained(tmp_path / "ppo" / f"seed-{number}", "safelife/ppo", *settings_of(number))
    for number in (1, 2):
        more = [f"seed={number + 5}", f"env.level_seed={number}"]
        save_untrained(tmp_path / "naive" / f"seed-{number}", "safelife/naive", *more)
    given = f"checkpoint={tmp_path / 'ppo'},{tmp_path / 'naive'}"
    assert main(["study", "safelife-compare", given, "levels=2", "out=found"]) == 0
    found = tmp_path / "found"
    agents = pd.read_csv(found / "agents.csv")
    assert len(agents) == 2 * 5
    data = json.loads((found / "safelife-compare.json").read_text())
    for row in data["points"]:
        mine = agents[(agents["levels"] == row["levels"]) & (agents.method == row["method"])]
        assert row["sets"] == len(mine) == {"ppo": 3, "naive": 2}[row["method"]]
        assert row["side effect"]["value"] == pytest.approx(mine["side effect"].mean())
        if row["method"] == "naive":
            base = agents[(agents["levels"] == row["levels"]) & (agents.method == "ppo")]
            shared = base[base["set"].isin(mine["set"])]["side effect"].mean()
            if shared:
                ratio = mine["side effect"].mean() / shared
                assert row["× side effect"]["value"] == pytest.approx(ratio)
            assert row["× side effect"]["n"] == row["− side effect"]["n"] == 2
            difference = mine["side effect"].mean() - shared
            assert row["− side effect"]["value"] == pytest.approx(difference)
    assert (found / "safelife-compare.png").is_file()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("safelife/ppo", "env.task=append-spawn"), "agents of several tasks (append-spawn, appe"),
        (("safelife/ppo", "env.num_levels=null", "env.split=train"), "give them to two commands"),
        (("safelife/quick",), "the same weights are given twice"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path, capsys, given, says):
    first, second = save_untrained(tmp_path / "a"), save_untrained(tmp_path / "b", *given)
    assert main(["study", "safelife-compare", f"checkpoint={first},{second}"]) == 2
    assert says in capsys.readouterr().err


def test_agents_of_other_worlds_are_refused(capsys):
    maze = ROOT / "agents" / "maze-quick" / "seed-0"
    assert main(["study", "side-effects", f"checkpoint={maze}"]) == 2
    assert "learnt in 'maze'; this is about agents of SafeLife" in capsys.readouterr().err


def test_a_film_has_a_column_for_each_agent_and_a_row_for_each_level(tmp_path):
    first = save_untrained(tmp_path / "a")
    second = save_untrained(tmp_path / "b", "safelife/naive", "seed=3")
    options = ["levels=2", "steps=4", "on=training", "out=film"]
    given = f"checkpoint={first},{second}"
    assert main(["study", "safelife-videos", given, *options]) == 0
    with Image.open(tmp_path / "film" / "safelife-videos.gif") as film:
        assert film.n_frames == 5
        width, height = film.size
    boards, gap, heading = 26 * 8, 6, 16
    assert (width, height) == (2 * (boards + gap), 2 * (boards + gap) + heading)
    rows = pd.read_csv(tmp_path / "film" / "episodes.csv")
    assert rows["agent"].tolist() == [f"{tmp_path.name}/a"] * 2 + [f"{tmp_path.name}/b"] * 2
    assert rows["length"].tolist() == [4] * 4
