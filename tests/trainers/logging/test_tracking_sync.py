"""What `wandb sync` sends of a run that was killed and resumed offline."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wandb.proto import wandb_internal_pb2 as pb

from chisel.trainers.logging.wandb_parts import has_unsent, mend, parts_of, sync_command
from tests.trainers.logging import wandb_file
from tests.trainers.logging.wandb_play import kill, play, segments, sync
from tests.trainers.logging.wandb_server import FakeWandb

PART = "wandb/offline-run-20260101_00000{}-mine/run-mine.wandb"


@pytest.fixture
def server() -> Iterator[FakeWandb]:
    server = FakeWandb()
    yield server
    server.close()


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed while a record was written, resumed, and resumed again."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    kill(folder, "log:1:7", "flush:6")
    (first,) = segments(folder)
    with first.open("ab") as file:
        file.write(b"\x00\x00\x00\x00\xff\x00\x01torn")
    empty = folder / f"wandb/offline-run-20260101_000000-{(folder / 'id').read_text()}"
    empty.mkdir()  # of a process that was killed at its start
    (empty / first.name).write_bytes(b":W&B")
    (folder / "at").write_text("4")  # the newest checkpoint
    play(folder, "log:5:9", "finish")
    (folder / "at").write_text("9")
    play(folder, "log:10:12", "finish")
    return folder


def test_one_command_sends_a_resumed_run_whole_and_once(
    resumed: Path, tmp_path: Path, server: FakeWandb
) -> None:
    run = shutil.copytree(resumed, tmp_path / "run", symlinks=True)
    assert sync_command(run) == f"wandb sync {run}/wandb/offline-run-*"
    parts = sorted(run.glob("wandb/offline-run-*"))
    assert len(parts) == 3
    said = sync(server.url, *reversed(parts))  # W&B sorts them
    assert "ERROR" not in said
    for _ in range(2):
        assert [row["_step"] for row in server.rows] == list(range(1, 13))
        assert [row["env_steps"] for row in server.rows] == [64 * i for i in range(1, 13)]
        assert [row["charts/SPS"] for row in server.rows] == [i / 3 for i in range(1, 13)]
        assert sync_command(run) is None
        assert "No runs to sync" in sync(server.url, *parts)


def test_a_run_with_unsent_rows_goes_on_offline_though_a_server_is_there(
    resumed: Path, tmp_path: Path, server: FakeWandb
) -> None:
    run = shutil.copytree(resumed, tmp_path / "run", symlinks=True)
    (run / "at").write_text("12")
    said = play(run, "log:13:13", "finish", mode="online", server=server.url)
    (warning,) = said["warnings"]
    assert f"upload all of them with `wandb sync {run}/wandb/offline-run-*`" in warning
    assert server.lines == {}
    assert [row["_step"] for row in wandb_file.history(segments(run)[-1])] == [13]


def row(step: int, size: int) -> Any:
    record = pb.Record()
    record.history.step.num = step
    record.history.item.add(key="x", value_json="9" * size)
    return record


def about_the_run() -> Any:
    record = pb.Record()
    record.run.run_id = "mine"
    return record


@settings(max_examples=60)
@given(data=st.data(), sizes=st.lists(st.integers(0, 90_000), max_size=4))
def test_a_file_that_was_cut_anywhere_keeps_its_complete_records(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    file = folder / PART.format(1)
    written = [about_the_run(), *(row(step, size) for step, size in enumerate(sizes, start=3))]
    ends = wandb_file.write(file, written)
    cut = data.draw(st.integers(0, ends[-1]))
    file.write_bytes(file.read_bytes()[:cut])
    whole = sum(end <= cut for end in ends)
    last = mend(folder, "mine")
    if whole == 0:
        assert (last, file.parent.exists()) == (None, False)
        return
    assert last == (whole + 1 if whole > 1 else 0)
    assert file.stat().st_size == ends[whole - 1]
    assert list(wandb_file.records(file)) == written[:whole]
    before = file.read_bytes()
    assert (mend(folder, "mine"), file.read_bytes()) == (last, before)


def test_the_last_step_is_that_of_all_parts(tmp_path: Path) -> None:
    assert mend(tmp_path, "mine") is None
    wandb_file.write(tmp_path / PART.format(1), [about_the_run(), row(4, 9)])
    wandb_file.write(tmp_path / PART.format(2), [about_the_run()])  # killed before its first row
    assert mend(tmp_path, "mine") == 4


def test_an_id_may_hold_what_patterns_are_made_of(tmp_path: Path) -> None:
    identity = "given-channels=[4,4]"
    file = tmp_path / PART.format(1).replace("mine", identity)
    wandb_file.write(file, [about_the_run(), row(4, 9)])
    assert (parts_of(tmp_path, identity), mend(tmp_path, identity)) == ([file], 4)


def test_a_file_of_another_format_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / PART.format(1)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"something else")
    with pytest.raises(OSError, match="has a format"):
        mend(tmp_path, "mine")
    assert file.read_bytes() == b"something else"


def test_parts_are_in_the_order_of_their_starts_and_of_one_run(tmp_path: Path) -> None:
    names = ("offline-run-20260101_000003-mine", "run-20260101_000002-mine")
    for name in (*names, "offline-run-20260101_000001-other"):
        (tmp_path / "wandb" / name).mkdir(parents=True)
        (tmp_path / "wandb" / name / f"run-{name.rpartition('-')[2]}.wandb").touch()
    (tmp_path / "wandb" / "latest-run").symlink_to(names[0])
    assert [part.parent.name for part in parts_of(tmp_path, "mine")] == list(names[::-1])
    assert has_unsent(tmp_path, "mine")
    (tmp_path / "wandb" / names[0] / "run-mine.wandb.synced").touch()
    assert not has_unsent(tmp_path, "mine")
    assert sync_command(tmp_path) == f"wandb sync {tmp_path}/wandb/offline-run-*"  # of the other


def test_the_command_for_a_group_has_all_its_runs_and_quotes_the_folder(tmp_path: Path) -> None:
    group = tmp_path / "three seeds"
    for seed in (0, 1):
        wandb_file.write(group / f"seed-{seed}" / PART.format(1), [about_the_run()])
    assert sync_command(group) == f"wandb sync '{group}'/*/wandb/offline-run-*"
    for file in group.glob("*/wandb/*/*.wandb"):
        file.with_suffix(".wandb.synced").touch()
    assert sync_command(group) is None
