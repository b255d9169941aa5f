"""The study trains what is missing, leaves what is there, and measures every kept checkpoint."""

import json

import pandas as pd
import pytest

from chisel.analysis import studies
from chisel.configs import ConfigError

SMALL = "frames=2048 env.num_envs=16 trainer.checkpoint_every=2 trainer.keep_every=2"
QUIET = "trainer.progress=false"


def run(folder, experiments):
    return studies.run(
        "oversight",
        seeds="0,1",
        experiments=experiments,
        settings=f"{SMALL} {QUIET}",
        boards="32",
        final_boards="64",
        runs_dir=str(folder),
    )


def test_what_is_trained_is_found_again_and_all_is_written(tmp_path):
    run(tmp_path, "routed")
    checkpoints = sorted(tmp_path.glob("oversight/routed/seed-*/checkpoints/*.ckpt"))
    before = [path.stat().st_mtime_ns for path in checkpoints]
    folder = run(tmp_path, "routed,naive")
    assert [path.stat().st_mtime_ns for path in checkpoints] == before
    assert (folder / "oversight.png").stat().st_size > 10_000
    data = json.loads((folder / "oversight.json").read_text())
    players = {(one["experiment"], one["player"]) for one in data["summaries"]}
    experts = ("agent", "diamond expert", "ghost expert", "diamond - ghost expert")
    assert players == {("routed", name) for name in experts} | {("naive", "agent")}
    assert data["curves"]["routed"]["1"]["env_steps"] == [1024, 2048]
    assert data["ceiling"]["value"] > 0.8
    assert data["command"].startswith("chisel study oversight seeds=0,1")
    assert f"final_boards=64 runs_dir={tmp_path}" in data["command"]
    assert folder.parent == tmp_path / "studies"
    assert "runs_dir" not in folder.name
    curves = pd.read_csv(folder / "curves.csv")
    own = curves[(curves["experiment"] == "routed") & (curves["seed"] == 1)]
    expected = data["curves"]["routed"]["1"]["returns"]["diamond expert"]
    assert own["diamond expert"].round(4).tolist() == expected


def test_what_was_trained_with_other_settings_is_not_reported_as_what_is_asked_for(tmp_path):
    """Half as many of the frames, the rate that the experiment has; then other rates and frames."""
    given = {"seeds": "5", "experiments": "routed", "boards": 8, "final_boards": 8}
    given |= {"runs_dir": str(tmp_path)}
    small = SMALL.replace("2048", "1024")
    studies.run("oversight", settings=f"{small} {QUIET}", **given)
    for setting in ("algo.learning_rate=0.01", "frames=4096"):
        key = setting.partition("=")[0]
        other = f"{small if key != 'frames' else small.partition(' ')[2]} {QUIET} {setting}"
        said = (
            f"seed-5 was trained with other settings: {key}=.*, not {setting}; "
            "another folder, runs_dir=FOLDER"
        )
        with pytest.raises(ConfigError, match=said):
            studies.run("oversight", settings=other, **given)
        assert len(list(tmp_path.glob("studies/*/oversight.json"))) == 1


def test_an_unknown_experiment_or_seed_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="unknown experiment 'oversight/rooted'"):
        run(tmp_path, "rooted")
    with pytest.raises(ConfigError, match="seeds=a"):
        studies.run("oversight", seeds="a", runs_dir=str(tmp_path))
