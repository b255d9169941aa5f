"""While it trains, a process keeps the memory of freed tensors for new ones."""

import os
import platform
import subprocess
import sys

import pytest

from chisel.trainers.runs import run

PROGRAM = """
import resource

import torch

from chisel import configs, trainers


def page_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


first = page_faults()
settings = ["env.num_envs=4", "algo.num_steps=8", "frames=32", "trainer.progress=false"]
trainers.train(configs.load("gridworld/ppo", [*settings, "tracking.mode=disabled"]))
page_faults()
print(first, page_faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_large_tensors_after_a_training_cost_no_page_faults(tmp_path):
    words = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=words,
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = map(int, found.stdout.split()[-2:])
    assert after < before / 20


def test_settings_of_the_user_are_left_alone(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    monkeypatch.setattr(run.ctypes, "CDLL", lambda name: pytest.fail("malloc was set"))
    run._keep_freed_memory()
