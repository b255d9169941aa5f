"""The cheese vector turns a known agent where paper says, beside controls; and the studies."""

import functools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from chisel import configs, envs
from chisel.analysis import studies
from chisel.analysis.evaluation import evaluate
from chisel.analysis.interventions import add, intervene
from chisel.analysis.maze import decision_mazes, with_and_without
from chisel.analysis.maze.cheese_vector import (
    Row,
    cheese_vectors,
    compared,
    removed,
    start_gap,
    steered,
    steering_setup,
    sweep,
)
from chisel.analysis.maze.cheese_vector.conditions import plain_row
from chisel.analysis.results import plain
from chisel.analysis.results.estimates import bootstrap_mean, median
from chisel.analysis.steering import (
    difference,
    load_vector,
)
from chisel.cli.main import main
from chisel.configs import ConfigError, GridworldConfig, ImpalaConfig
from chisel.envs.maze import MOVES, MazeState, observe_states
from chisel.models import Agent, build, load_agent, spaces_of
from tests.analysis.conftest import make_run

FORK = """
####.....
########.
.C######.
.#######.
.........
.########
.########
.########
M........
"""


OTHER = """
.........
.########
.........
.########
.........
.########
.C.......
.########
M........
"""


def seek_cheese(model):
    """Up is worth what the cheese's pixels sum to in channel 0 of `conv`; right always 5.

    The cheese plane is copied into channel 0, walls and mouse into nothing. Of a cheese, pooling
    leaves some ones, all with weight 100: with cheese the mouse goes up, without it right.
    """
    for parameter in model.parameters():
        parameter.zero_()
    block = model.embedder.block1
    block.conv.weight[0, 2, 1, 1] = 1
    model.embedder.block2.conv.weight[0, 0, 1, 1] = 1
    model.embedder.block3.conv.weight[0, 0, 1, 1] = 1
    model.embedder.fc.weight[0] = 0
    model.embedder.fc.weight[0, : model.embedder.fc.in_features // 3] = 1  # channel 0 of 3
    model.fc_policy.bias.fill_(-1e6)
    model.fc_policy.bias[[5, 7]] = torch.tensor([0.0, 5.0])
    model.fc_policy.weight[5, 0] = 100


@pytest.fixture
def seeker(tmp_path):
    return load_agent(make_run(tmp_path / "seeker", edit=seek_cheese))


@pytest.fixture
def agent(run_folder):
    return load_agent(run_folder)


def mazes():
    return [MazeState.from_drawing(text.strip(), mode="easy") for text in (FORK, OTHER)]


def setup_of(agent, states=None):
    return steering_setup(
        agent, states or mazes(), functools.partial(observe_states, config=agent.config.env)
    )


LAYER = "embedder.block2.res1.resadd"


def test_a_decision_square_knows_the_moves_to_cheese_and_corner():
    decisions = decision_mazes(mazes())
    assert decisions.squares == ((4, 0), (2, 0))
    assert [MOVES[m] for m in decisions.to_cheese] == ["UP", "RIGHT"]
    assert [MOVES[m] for m in decisions.to_corner] == ["RIGHT", "UP"]
    assert [state.mouse for state in decisions.states] == list(decisions.squares)
    assert [state.mouse for state in decisions.starts] == [(0, 0), (0, 0)]
    moves = np.array([[0.1, 0.1, 0.5, 0.2, 0.1]] * 2)
    np.testing.assert_allclose(decisions.choices(moves), [[0.5, 0.2, 0.3], [0.2, 0.5, 0.3]])


def test_mazes_without_cheese_or_decision_square_are_refused():
    (state, _) = mazes()
    state.remove_cheese()
    with pytest.raises(ConfigError, match="0 cheeses, but one is needed"):
        decision_mazes([state])
    with pytest.raises(ConfigError, match="no cheese"):
        with_and_without("cheese", [state], configs.load("maze/quick").env)
    state.add_cheese(8, 8)
    with pytest.raises(ConfigError, match="no decision square"):
        decision_mazes([state])


def test_at_the_start_the_vector_at_minus_one_is_removing_the_cheese(agent):
    setup = setup_of(agent)
    for module in ("embedder.block1.conv", LAYER, "embedder.relu3", "embedder.fc", "fc_policy"):
        assert start_gap(setup, module) == pytest.approx(0, abs=1e-5)
    with intervene(agent.model, {LAYER: add(cheese_vectors(setup, [LAYER])[LAYER], -1)}):
        there = agent.policy(setup.at_start)
    torch.testing.assert_close(there, agent.policy(setup.at_start_without), rtol=0, atol=1e-5)
    gaps = [start_gap(setup, f"embedder.block1.res1.{name}") for name in ("conv1", "conv2")]
    assert max(gaps) > 1e-6, "a layer beside a skip connection does not carry everything"


def test_choices_of_a_network_that_seeks_cheese_are_those_computed_by_hand(seeker):
    setup = setup_of(seeker)
    assert seeker.policy(setup.at_square).argmax(1).tolist() == [5, 5]
    rows = {row.name: row for row in close(setup)}
    np.testing.assert_allclose(rows["nothing"].choices, [[1, 0, 0], [0, 1, 0]], atol=1e-6)
    right = 1 / (1 + np.exp(-5))
    without = [[1 - right, right, 0], [right, 1 - right, 0]]
    for name in ("vector", "cheese removed"):
        np.testing.assert_allclose(rows[name].choices, without, atol=1e-6)
    np.testing.assert_allclose(removed(setup).choices, without, atol=1e-6)


def close(setup, module=LAYER):
    return compared(setup, module, -1.0, np.random.default_rng(0), torch.Generator().manual_seed(0))


def test_each_maze_gets_its_own_vector(seeker):
    """Public code gave the first example's to the whole batch."""
    both, (first, second) = setup_of(seeker), mazes()
    own = cheese_vectors(both, [LAYER])[LAYER]
    for number, state in enumerate((first, second)):
        alone = setup_of(seeker, [state])
        torch.testing.assert_close(cheese_vectors(alone, [LAYER])[LAYER][0], own[number])
        expected = steered(alone, LAYER, own[number : number + 1], -0.7)
        np.testing.assert_allclose(steered(both, LAYER, own, -0.7)[number], expected[0], atol=1e-6)


def test_a_sweep_has_every_layer_and_control_and_coefficient_zero_changes_nothing(agent):
    setup = setup_of(agent)
    vectors = cheese_vectors(setup, ["embedder.fc", LAYER])
    rows = sweep(setup, vectors, [-1.0, 0.0], torch.Generator().manual_seed(0))
    found = [(row.module, row.name, row.coeff) for row in rows]
    kinds = ("vector", "random", "shuffled")
    assert found == [(m, k, c) for m in vectors for k in kinds for c in (-1.0, 0.0)]
    for row in rows:
        np.testing.assert_allclose(row.choices.sum(1), 1)
        if row.coeff == 0:
            np.testing.assert_allclose(row.choices, close(setup)[0].choices, atol=1e-6)


def test_choices_without_a_finite_output_are_null(agent):
    setup = setup_of(agent)
    endless = {"fc_policy": torch.full((2, 15), torch.inf)}
    (row, *_) = sweep(setup, endless, [1.0], torch.Generator().manual_seed(0))
    cheese = plain(plain_row(row))["cheese"]
    assert cheese["mean"] == {"value": None, "low": None, "high": None, "n": 2}
    assert cheese["median"]["value"] is None


def test_transfer_uses_one_donor_for_same_near_and_far(seeker):
    rows = {row.name: row for row in close(setup_of(seeker))}
    counts = {len(rows[name].mazes) for name in ("same cell", "nearby", "elsewhere")}
    assert counts == {1}, "a wall of the first maze is where the second has its cheese"
    with pytest.raises(ConfigError, match="several levels"):
        close(setup_of(seeker, mazes()[:1]))


def test_the_top_right_vector_opens_a_way_to_the_worlds_corner():
    config = configs.load("maze/quick", ["env.observation=pixels"]).env
    state = mazes()[0]
    (opened,), (same,) = with_and_without("top-right", [state], config)
    assert same == state
    changed = np.argwhere(opened.world != state.world)
    up = [(row, 11) for row in range(12, 15)]
    assert sorted(map(tuple, changed.tolist())) == sorted([*up, *((14, c) for c in (12, 13, 14))])
    with pytest.raises(ConfigError, match=r"needs .*observation=pixels"):
        with_and_without("top-right", [state], configs.load("maze/quick").env)
    full = MazeState.from_drawing("\n".join(["." * 15] * 14 + ["M" + "." * 14]), mode="easy")
    with pytest.raises(ConfigError, match="fills its world"):
        with_and_without("top-right", [full], config)


def vector_file(agent, path, edit=None):
    obs = np.zeros((2, *agent.spaces.obs_shape), agent.spaces.obs_dtype)
    vector = difference(agent, "fc_policy", obs, obs)
    steer = replace(vector, vector=torch.zeros(15))
    steer.vector[5] = 1000
    return (edit(steer) if edit else steer).save(path)


def test_evaluation_steered_is_that_of_the_agent_it_makes(right_then_up, tmp_path):
    """Up beats right with 1000 added to its logit: as if `right` were ablated."""
    agent = load_agent(right_then_up)
    file = vector_file(agent, tmp_path / "up.safetensors")
    plain = evaluate(agent, out=tmp_path)
    up = evaluate(agent, overrides=["ablate=right"], out=tmp_path)
    found = evaluate(agent, overrides=[f"steer={file}:1"], out=tmp_path)
    assert found.data.name == "eval-steer-up-1.json"
    assert up.score(cheese="anywhere") == found.score(cheese="anywhere")
    assert found.score(cheese="anywhere") != plain.score(cheese="anywhere")
    assert found.score("random", cheese="anywhere") == plain.score("random", cheese="anywhere")
    stored = json.loads(found.data.read_text())["steer"]
    assert stored[0]["module"] == "fc_policy"
    assert stored[0]["origin"]["sha256"] == agent.digest
    settings = [f"steer={file}:-1", "ablate=right"]
    both = evaluate(agent, overrides=settings, out=tmp_path)
    assert both.data.name == "eval-ablate-right-steer-up--1.json"
    assert both.score(cheese="anywhere") != up.score(cheese="anywhere")
    assert evaluate(agent, out=tmp_path).scores == plain.scores


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda v: replace(v, vector=torch.ones(4)), "shape [4], but the output of fc_policy is"),
        (lambda v: replace(v, module="fc_polcy"), "did you mean 'fc_policy'"),
        (
            lambda v: replace(v, observations={**v.observations, "obs_shape": [64, 64, 3]}),
            "is from observations 64×64×3 uint8 up to 1, but",
        ),
    ],
)
def test_a_vector_that_does_not_fit_is_one_line(run_folder, tmp_path, capsys, edit, complaint):
    file = vector_file(load_agent(run_folder), tmp_path / "v.safetensors", edit)
    assert main(["eval", str(run_folder), f"steer={file}:1", "eval.levels=2"]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert len(error.strip().splitlines()) == 1


def untrained(config):
    """An agent of any environment, and observations of its first moments."""
    env = envs.make(config.env, seed=0, num_envs=6)
    obs, _ = env.reset(seed=0)
    spaces = spaces_of(env)
    env.close()
    model = build(config.model, spaces).eval()
    return Agent(model, spaces, config, "0" * 64, None, source=Path("here")), obs


@pytest.mark.parametrize(
    ("env", "model", "module"),
    [
        (None, None, "embedder.gate_net"),
        (GridworldConfig(), ImpalaConfig(channels=(2, 3)), "embedder.block2.res1.resadd"),
    ],
    ids=["oversight", "gridworld"],
)
def test_any_agent_can_be_steered_by_two_files_of_observations(env, model, module, tmp_path):
    config = configs.load("oversight/routed")
    config = replace(config, env=env or config.env, model=model or config.model)
    agent, obs = untrained(config)
    np.savez(tmp_path / "with.npz", observations=obs[:2])
    np.savez(tmp_path / "without.npz", observations=obs[2:])
    options = {"with_states": tmp_path / "with.npz", "without_states": tmp_path / "without.npz"}
    options |= {"module": module, "coeffs": "0,1", "out": tmp_path / "out"}
    folder = studies.run("steering-vector", checkpoint=agent, **options)
    found = json.loads((folder / "steering-vector.json").read_text())
    assert found["counts"] == [2, len(obs) - 2]
    nothing = [one for one in found["effects"] if one["coeff"] == 0]
    assert {one["total_variation"]["value"] for one in nothing} == {0}
    vector = load_vector(folder / "vector.safetensors")
    vector.require_fit(agent)
    assert vector.module == module
    assert (folder / "steering-vector.png").is_file()


def test_the_cheese_vector_study_writes_what_it_measured(tmp_path):
    run = make_run(tmp_path / "seeker", edit=seek_cheese)
    options = {"levels": "6", "layers": f"{LAYER},embedder.fc", "coeffs": "-1,1"}
    folder = studies.run("cheese-vector", checkpoint=run, **options)
    files = {path.name for path in folder.iterdir() if path.suffix not in (".pdf", ".svg")}
    figures = {"choices.png", "layers.png", "coefficients.png"}
    tables = {"compared.csv", "choices.csv", "tables.json"}
    assert files == {"cheese-vector.json", *tables, *figures}
    found = json.loads((folder / "cheese-vector.json").read_text())
    assert found["runs"][0]["sha256"] == load_agent(run).digest
    assert len(found["levels"]) == len(set(found["levels"])) == 6
    assert found["start_gap"] == pytest.approx(0, abs=1e-5)
    assert len(found["sweep"]) == 2 * 2 * 3
    rows = {row["name"]: row for row in found["compared"]}
    np.testing.assert_allclose(
        rows["vector"]["choices"], rows["cheese removed"]["choices"], atol=0.2
    )
    frame = pd.read_csv(folder / "choices.csv", float_precision="round_trip")
    cheese = frame["cheese"][frame["name"] == "vector"]
    assert cheese.tolist() == [choices[0] for choices in rows["vector"]["choices"]]
    again = studies.run("cheese-vector", checkpoint=run, out=tmp_path / "again", **options)
    same = json.loads((again / "cheese-vector.json").read_text())
    assert same["compared"] == found["compared"]


def test_seeds_have_rows_of_their_own_and_means_with_students_interval(tmp_path):
    for seed in range(3):
        make_run(tmp_path / "group" / f"seed-{seed}", overrides=[f"init_seed={seed}"])
    options = {"levels": 5, "layers": LAYER, "coeffs": "-1"}
    folder = studies.run("cheese-vector", checkpoint=tmp_path / "group", **options)
    assert folder.parent == tmp_path / "group" / "studies"
    assert folder.name.startswith("cheese-vector-")
    each = {f"seed-{n}-choices.png" for n in range(3)}
    figures = {path.name for path in folder.glob("*.png")}
    assert figures == {"choices.png", "layers.png", "coefficients.png", *each}
    found = json.loads((folder / "cheese-vector.json").read_text())
    assert len({run["sha256"] for run in found["runs"]}) == 3
    for kind in ("compared", "sweep"):
        assert [row["name"] for row in found[kind]] == [
            row["name"] for row in found["of_each"][0][kind]
        ]
        for number, row in enumerate(found[kind]):
            for of in ("mean", "median"):
                values = [run[kind][number]["cheese"][of]["value"] for run in found["of_each"]]
                half = 4.302653 * np.std(values, ddof=1) / np.sqrt(3)
                joined = row["cheese"][of]
                assert joined["value"] == pytest.approx(np.mean(values))
                assert joined["high"] - joined["value"] == pytest.approx(half, abs=1e-9)
    alone = studies.run("cheese-vector", checkpoint=tmp_path / "group" / "seed-2", **options)
    lone = json.loads((alone / "cheese-vector.json").read_text())
    assert lone["compared"] == found["of_each"][2]["compared"]


def test_the_cheese_set_of_the_steering_study_is_the_mean_of_each_mazes_vector(run_folder):
    options = {"levels": 5, "module": LAYER, "coeffs": "-1"}
    folder = studies.run("steering-vector", checkpoint=run_folder, **options)
    vector = load_vector(folder / "vector.safetensors")
    assert vector.origin["states"] == "cheese"
    assert vector.norm > 0


@pytest.mark.parametrize(
    ("study", "options", "complaint"),
    [
        ("cheese-vector", {"module": "embedder.block2.res1.resad"}, "did you mean 'embedder"),
        ("cheese-vector", {"layers": "embedder.fx"}, "did you mean 'embedder.fc'"),
        ("cheese-vector", {"coeffs": "1,x"}, "coeffs=x: must be numbers"),
        ("cheese-vector", {"levels": 0}, "at least 1"),
        ("cheese-vector", {"levels": 1}, "several levels"),
        ("steering-vector", {"states": "top-right", "levels": 2}, "observation=pixels"),
        ("steering-vector", {"with_states": "a.npz"}, "given together"),
        ("steering-vector", {"with_states": "a", "without_states": "b"}, "needs an .npz file"),
    ],
)
def test_impossible_studies_are_refused(run_folder, study, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        studies.run(study, checkpoint=run_folder, **options)
    assert not (run_folder / "studies").exists()


def test_a_rows_intervals_stay_within_probabilities():
    draws = np.random.default_rng(1)
    for choices in (draws.dirichlet([1, 1, 1], 30), np.eye(3)[draws.integers(3, size=30)]):
        row = Row("any", choices, np.arange(30))
        for number, choice in enumerate(("cheese", "corner", "neither")):
            column = choices[:, number]
            expected = bootstrap_mean(column, np.random.default_rng(0), within=(0, 1))
            assert row.over_mazes["mean"][choice] == expected
            assert row.over_mazes["median"][choice].value == np.median(column)
            assert row.over_mazes["median"][choice] == median(column)
