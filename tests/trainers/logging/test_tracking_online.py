"""W&B online: a server that works, one that dies, and one that was dead from the start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trainers.logging import wandb_file
from tests.trainers.logging.wandb_play import Listener, end, play, segments, start
from tests.trainers.logging.wandb_server import FakeWandb


@pytest.fixture
def server() -> Iterator[FakeWandb]:
    server = FakeWandb()
    yield server
    server.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.socket.close()
    for connection in listener.taken:
        connection.close()


def test_a_resumed_run_goes_on_where_the_server_has_it(tmp_path: Path, server: FakeWandb) -> None:
    end(start(tmp_path, "online", server.url, "log:1:5", "finish", WAIT="1"))
    (tmp_path / "at").write_text("3")  # the newest checkpoint
    end(start(tmp_path, "online", server.url, "log:4:9", "finish", WAIT="1"))
    assert len(server.runs) == 1
    assert [row["env_steps"] for row in server.rows] == [64 * i for i in range(1, 10)]
    assert [row["_step"] for row in server.rows] == list(range(1, 10))


def test_what_a_killed_run_could_not_send_is_sent_when_it_is_resumed(
    tmp_path: Path, server: FakeWandb
) -> None:
    end(start(tmp_path, "online", server.url, "log:1:7", "finish", WAIT="1"))
    (lines,) = server.lines.values()
    for number in range(3, 7):  # the kill came before they were sent
        del lines[number]
    (tmp_path / "at").write_text("5")  # the newest checkpoint
    end(start(tmp_path, "online", server.url, "log:6:9", "finish", WAIT="1"))
    assert [row["_step"] for row in server.rows] == list(range(1, 10))
    assert [row["env_steps"] for row in server.rows] == [64 * i for i in range(1, 10)]
    assert [row["charts/SPS"] for row in server.rows] == [i / 3 for i in range(1, 10)]


def test_a_run_of_a_group_in_a_sweep_has_an_id_of_its_own_and_belongs_to_the_sweep(
    tmp_path: Path, server: FakeWandb
) -> None:
    (tmp_path / "group.json").touch()
    folder = tmp_path / "seed-1"
    sweep = {"WANDB_RUN_ID": "given", "WANDB_SWEEP_ID": "sweep"}
    end(start(folder, "online", server.url, "log:1:2", "finish", WAIT="1", **sweep))
    assert {name: run["sweep"] for name, run in server.runs.items()} == {"given-seed-1": "sweep"}
    assert server.runs["given-seed-1"]["groupName"] == tmp_path.name


@pytest.mark.slow
def test_a_server_that_dies_during_a_run_stops_nothing(tmp_path: Path, server: FakeWandb) -> None:
    process = start(
        tmp_path, "online", server.url, "log:1:5", "ask", "log:6:50", "finish", WAIT="1"
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "asked\n"
    server.close()
    print(file=process.stdin, flush=True)
    said = end(process)
    assert said["connected"] == []
    (warning,) = said["warnings"]
    assert f"--include-online --id NEW-ID {tmp_path}/wandb/*run-*-" in warning
    (file,) = (tmp_path / "wandb").glob("run-*/run-*.wandb")
    assert [row["_step"] for row in wandb_file.history(file)] == list(range(1, 51))


@pytest.mark.parametrize(
    "server", ["refuses", pytest.param("never answers", marks=pytest.mark.slow)]
)
def test_a_dead_server_means_offline_with_one_warning(
    tmp_path: Path, listener: Listener, server: str
) -> None:
    url = listener.url if server == "never answers" else "http://127.0.0.1:9"
    said = play(tmp_path, "log:1:3", "finish", mode="online", server=url)
    (warning,) = said["warnings"]
    assert f"offline; upload later with `wandb sync {tmp_path}/wandb/offline-run-*`" in warning
    (file,) = segments(tmp_path)
    assert [row["_step"] for row in wandb_file.history(file)] == [1, 2, 3]
