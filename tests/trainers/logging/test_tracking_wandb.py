"""W&B as a user meets it: real wandb in processes of its own, read back from its files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainers.logging import wandb_file
from tests.trainers.logging.wandb_play import Listener, kill, play, segments

Crashed = tuple[Path, dict[str, Any], int]


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Crashed:
    """An offline run that logged everything and crashed; what it said, and calls to the server."""
    folder, listener = tmp_path_factory.mktemp("runs") / "mine", Listener()
    said = play(folder, "log:1:5", "media:5", "checkpoint", "log:6:6", "crash", server=listener.url)
    return folder, said, len(listener.taken)


def test_offline_it_connects_to_nothing_and_says_nothing(
    crashed: Crashed,
) -> None:
    _, said, calls = crashed
    assert said == {"warnings": [], "connected": []}
    assert calls == 0


def test_wandb_knows_the_run_its_config_and_the_software(
    crashed: Crashed,
) -> None:
    run = wandb_file.run_of(segments(crashed[0])[0])
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["algo"]["gamma"] == 0.999
    assert config["experiment"] == "maze/quick"
    assert config["versions"]["python"].startswith("3.")
    assert "git" in config
    assert (run.project, run.display_name, list(run.tags)) == ("chisel", "mine", ["a"])


def test_wandb_gets_one_row_per_iteration_on_the_axis_of_env_steps(
    crashed: Crashed,
) -> None:
    (file,) = segments(crashed[0])
    rows = wandb_file.history(file)
    assert [(row["_step"], row["env_steps"]) for row in rows] == [(i, 64 * i) for i in range(1, 7)]
    assert rows[4]["media/field._type"] == "image-file"
    assert rows[4]["media/episodes._type"] == "video-file"
    axes = {r.metric.glob_name: r.metric for r in wandb_file.records(file) if r.HasField("metric")}
    assert axes["*"].step_metric == "env_steps"


def test_offline_a_checkpoint_is_staged_to_be_synced_after_its_deletion(
    crashed: Crashed,
) -> None:
    (file,) = segments(crashed[0])
    (artifact,) = [r.artifact for r in wandb_file.records(file) if r.HasField("artifact")]
    assert set(artifact.aliases) == {"latest", "iter-00000005"}
    assert Path(artifact.manifest.contents[0].local_path).read_bytes() == b"weights"


def test_a_crash_is_marked_and_alerted(crashed: Crashed) -> None:
    by_kind = {r.WhichOneof("record_type"): r for r in wandb_file.records(segments(crashed[0])[0])}
    assert by_kind["alert"].alert.text == "the network exploded"
    assert by_kind["exit"].exit.exit_code == 1


def test_media_are_files_in_the_run_too(crashed: Crashed) -> None:
    names = {path.name for path in (crashed[0] / "media").iterdir()}
    assert names == {"episodes-00000005.gif", "field-00000005.png"}


def test_a_killed_and_resumed_run_keeps_its_id_and_has_each_row_once(tmp_path: Path) -> None:
    kill(tmp_path, "log:1:7", "flush:6")
    (tmp_path / "at").write_text("4")  # the newest checkpoint
    play(tmp_path, "log:5:12", "finish")
    first, second = segments(tmp_path)
    assert wandb_file.run_of(first).run_id == wandb_file.run_of(second).run_id
    rows = [row for file in (first, second) for row in wandb_file.history(file)]
    assert [row["_step"] for row in rows] == list(range(1, 13))
    assert [row["env_steps"] for row in rows] == list(range(64, 64 * 13, 64))
    assert all(row["charts/SPS"] == row["iteration"] / 3 for row in rows)
    with (tmp_path / "metrics.csv").open(newline="") as file:
        assert [int(row["iteration"]) for row in csv.DictReader(file)] == list(range(1, 13))
