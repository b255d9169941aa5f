"""The harness runs end to end at toy size. No speed is asserted: machines are busy."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import share, throughput


def results(folder: Path, *parts: str) -> Any:
    for part in parts:
        throughput.main(["--quick", "--rounds", "1", "--part", part, "--out", str(folder)])
    return json.loads((folder / "quick.json").read_text())


@pytest.mark.slow
def test_all_contenders_take_turns_and_are_compared(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3", reason="the bench extra is not installed")
    found = results(tmp_path, "ppo", "memory")
    assert set(found["ppo"]["contenders"]) == set(throughput.CONTENDERS)
    for one in found["ppo"]["contenders"].values():
        assert one["frames_per_s"] > 0
        assert one["cpu_s_per_1000"] > 0
    assert set(found["ppo"]["ratios"]) == set(throughput.RATIOS)
    assert all(peak > 100 for peak in found["memory"]["peak_mib"].values())


@pytest.mark.slow
def test_the_share_of_lightning_is_a_share(tmp_path: Path) -> None:
    found = results(tmp_path, "share")
    assert 0 < found["share"]["32-true"]["others_share"] < 1


def test_parts_measured_one_by_one_end_up_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "quick.json").write_text('{"ppo": {"kept": 1, "contenders": {}, "ratios": {}}}')
    found = results(tmp_path, "envs")
    assert found["ppo"]["kept"] == 1
    assert found["envs"]["pixels_region_shortest_path"]["steps_per_s"] > 0
    assert found["envs"]["machine"]["cores"] >= 1


def test_the_stopwatch_counts_nested_time_once_and_leaves_out_functions_that_do_not_count() -> None:
    watch = share.Stopwatch()

    def sleep(seconds: float) -> None:
        time.sleep(seconds)

    inner = watch.wrap(sleep)
    left_out = watch.wrap(lambda: (sleep(0.05), inner(0.02)), counts=False)
    outer = watch.wrap(lambda: (inner(0.02), left_out(), inner(0.02)))
    started = time.perf_counter()
    outer()
    whole = time.perf_counter() - started
    assert 0.06 <= watch.seconds <= whole - 0.05
