"""The GPU's benchmark runs at toy size on a CPU; its fast path learns what the plain one does."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import gpu
from benchmarks.captured import Captured
from chisel import configs
from chisel.trainers.onpolicy.module import OnPolicy
from chisel.trainers.runs.assembly import build_module
from tests.trainers.conftest import fit, same, weights

CPU = torch.device("cpu")
TOLERANCE = 1e-6
"""Difference of a weight after one update that is taken for rounding; a step is 5e-4."""


def build() -> OnPolicy:
    settings = ("env.engine=device", "trainer.accelerator=cpu", "algo.num_minibatches=1")
    config = configs.load("maze/smoke", [*settings, "algo.update_epochs=1", "frames=256"])
    module: OnPolicy = build_module(config, 0, CPU, None, print)
    return module


def test_one_captured_update_is_the_plain_one_from_equal_state() -> None:
    plain = build()
    start = weights(plain)
    rollout: dict[str, Any] = {}
    plain.on_train_batch_end = lambda *_: rollout.update(  # type: ignore[method-assign]
        {name: column.clone() for name, column in plain.buffer.columns.items()}
    )
    fit(plain)
    fast = Captured(build(), CPU, bf16=False)
    assert same(weights(fast.module), start)
    for name, column in rollout.items():
        fast.module.buffer.columns[name].copy_(column)
    fast.update()
    moved = [(weights(plain)[name] - start[name]).abs().max() for name in start]
    assert max(moved) > 1e-4
    for name, one in weights(fast.module).items():
        torch.testing.assert_close(one, weights(plain)[name], atol=TOLERANCE, rtol=0)


def test_a_captured_rollout_is_what_the_games_did() -> None:
    fast = Captured(build(), CPU, bf16=False)
    twin = copy.deepcopy(fast.module.collector.env)
    fast.iteration()
    buffer = fast.module.buffer
    for t in range(buffer.num_steps):
        assert torch.equal(buffer["obs"][t], twin.observe())
        _, rewards, ended, _ = twin.advance(buffer["actions"][t])
        assert torch.equal(buffer["dones"][t], ended)
        assert torch.equal(buffer["rewards"][t] > 0, rewards > 0)


@pytest.mark.slow
def test_every_contender_runs_at_toy_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "SETTINGS", dict(list(gpu.SETTINGS.items())[:1]))
    contenders = dict(gpu.CONTENDERS)
    del contenders["Chisel, compiled"]  # compiling takes minutes; the next test does without
    monkeypatch.setattr(gpu, "CONTENDERS", contenders)
    out = tmp_path / "gpu.json"
    gpu.main(["--toy", "--seconds", "0", "--out", str(out)])
    (found,) = json.loads(out.read_text())["results"].values()
    assert set(found) == set(contenders)
    assert all(one["frames_per_s"] > 0 and one["iterations"] == 1 for one in found.values())


def test_what_no_time_is_left_for_is_said_to_be_left_out() -> None:
    found = gpu.measure(minutes=-1, seconds=0, toy=True)
    assert {one for setting in found.values() for one in setting.values()} == {"left out: no time"}


def test_without_a_gpu_one_line_says_what_can_be_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        gpu.main([])
    assert "torch sees no GPU; --toy runs tiny sizes on the CPU" in capsys.readouterr().err
