"""The proof of localisation: a tiny routed run, its gradients over training, and its controls."""

import json

import numpy as np
import pytest

from chisel import configs, trainers
from chisel.analysis import studies
from chisel.analysis.results import load_networks
from chisel.analysis.results.folders import runs_of
from chisel.configs import CheckpointError, ConfigError
from chisel.models import kept_checkpoints, load_agent, save_agent

SMALL = [
    *("frames=1536", "env.num_envs=16", "model.hidden=16", "trainer.progress=false"),
    *("trainer.checkpoint_every=1", "trainer.keep_every=1", "tracking.mode=disabled"),
    *("env.oversight=0.5", "eval.levels=40", "eval.num_envs=40"),
]


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    settings = [*SMALL, f"runs_dir={folder}", "name=group", "seed=0,1"]
    checked = list(configs.load_grid("oversight/routed", settings).runs.values())
    return trainers.train_seeds(checked)


def study(checkpoint, **options):
    fast = {"frames": 512, "batch": 128, "points": 2, "controls": 1} | options
    folder = studies.run("localization", checkpoint=checkpoint, **fast)
    return folder, json.loads((folder / "localization.json").read_text())


@pytest.fixture(scope="module")
def measured(group, tmp_path_factory):
    return study(group / "seed-0", out=tmp_path_factory.mktemp("out"))


def test_a_run_is_measured_now_and_over_training(group, measured):
    folder, found = measured
    assert {p.name for p in folder.iterdir() if p.suffix not in (".pdf", ".svg")} == {
        "localization.json",
        "tables.json",
        *(f"{n}.csv" for n in ("gradients", "absorption", "ablation-routed")),
        *(f"{n}.png" for n in ("gradients", "layers", "training", "ablation", "ablation-matrix")),
    }
    assert found["runs"][0]["sha256"] == load_agent(group / "seed-0").digest
    (run,) = found["of_each"]
    assert [point["env_steps"] for point in run["training"]] == [0, 512, 1536]
    labelled = run["gradients"]["labelled"]["mass"]
    assert labelled["diamond"]["ghost"] == labelled["ghost"]["diamond"] == 0
    assert labelled["diamond"]["gate"] == 0, "the rules keep rewards out of the gate"
    assert labelled["diamond"]["diamond"] > 0
    plain = run["gradients"]["without routes"]
    assert plain == run["gradients"]["unlabelled"], "no rule says anything of the unlabelled"
    assert plain["mass"]["diamond"]["ghost"] > 0
    for kind in ("diamond", "ghost"):
        own, other = (
            plain["mass"][kind][kind],
            sum(plain["mass"][kind][k] for k in ("diamond", "ghost")),
        )
        assert found["absorption"][kind]["share"]["value"] == pytest.approx(own / other)
        assert found["absorption"][kind]["by_size"] == 0.5
    assert list(run["absorption_by_layer"]) == [f"embedder.experts.*.fc{n}" for n in (1, 2)]
    rows = [row["name"] for row in found["ablation"]["rows"]]
    assert rows[:4] == ["none", "diamond", "ghost", "gate"]
    assert {"random:diamond 1", "random:ghost 1"} <= set(rows)


def test_seeds_become_means_and_shuffled_runs_stand_beside(group, capsys):
    folder, found = study(group, shuffled=group / "seed-1", points=1)
    shown = capsys.readouterr().out
    assert all(
        words in shown for words in ("absorption", "squared gradient norms", "shuffled labels")
    )
    assert folder.parent == group / "studies"
    assert folder.name.startswith("localization-shuffled-")
    assert found["intervals"] == "95 %, over 2 seeds"
    shares = [run["absorption"]["mean"]["value"] for run in found["of_each"]]
    assert found["absorption"]["mean"]["share"]["value"] == pytest.approx(np.mean(shares))
    assert found["absorption"]["mean"]["share"]["n"] == 2
    rows = [run["ablation"]["rows"] for run in found["of_each"]]
    for together, *each in zip(found["ablation"]["rows"], *rows, strict=True):
        values = [row["metrics"]["return"]["value"] for row in each]
        assert together["metrics"]["return"]["value"] == pytest.approx(np.mean(values))
    assert found["runs of shuffled"] == found["runs"][1:]
    assert found["shuffled"]["of_each"] == found["of_each"][1:]


def test_a_single_checkpoint_is_the_last_moment_and_gives_the_same_again(group, measured, tmp_path):
    file = kept_checkpoints(group / "seed-0", 1)[0]
    _, found = study(file, out=tmp_path)
    (run,), (same,) = found["of_each"], measured[1]["of_each"]
    assert run["training"] == same["training"][-1:]
    assert run["gradients"] == same["gradients"]
    assert run["ablation"] == same["ablation"]


def test_checkpoints_are_thinned_evenly_and_end_with_the_last(group):
    names = [p.name for p in kept_checkpoints(group / "seed-0", 99)]
    assert names == [f"iter-0000000{n}.ckpt" for n in (1, 2, 3)]
    assert [p.name for p in kept_checkpoints(group / "seed-0", 2)] == [names[0], names[2]]
    assert [p.name for p in kept_checkpoints(group / "seed-0", 1)] == [names[2]]


def test_a_group_is_its_runs_and_keeps_its_own_results(group):
    assert runs_of(group) == [group / "seed-0", group / "seed-1"]
    assert runs_of(str(group / "seed-1")) == [group / "seed-1"]
    for path in (group, group / "seed-0"):
        assert load_networks(path).folder("x") == path / "studies" / "x"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"frames": 0}, "frames=0: must be a whole number, at least 1"),
        ({"points": "none"}, "points=none: must be a whole number"),
        ({"mode": "nought"}, "mode=nought"),
    ],
)
def test_impossible_requests_are_refused(group, options, says):
    with pytest.raises(ConfigError, match=says):
        study(group / "seed-0", **options)


def test_what_is_no_routed_run_is_refused(group, tmp_path):
    config = configs.load("oversight/naive", [*SMALL[1:6], "frames=512", f"runs_dir={tmp_path}"])
    with pytest.raises(ConfigError, match="no regions"):
        study(trainers.train(config))
    shipped = save_agent(tmp_path / "shipped", load_agent(group / "seed-0"))
    with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
        study(shipped)
