"""Describe the machine and the software versions of a measurement."""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "lightning", "stable-baselines3", "gymnasium", "procgen-mirror", "numpy")
BF16_FLAGS = ("avx512_bf16", "amx_bf16")


def stamp() -> dict[str, Any]:
    """Return the processor, its bf16 instructions, cores, versions, and the load average."""
    cpu = _cpu_info()
    flags = cpu.get("flags", "").split()
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "cpu": cpu.get("model name", platform.processor()),
        "family_model": f"{cpu.get('cpu family', '?')}/{cpu.get('model', '?')}",
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "bf16_instructions": [flag for flag in BF16_FLAGS if flag in flags],
        "torch_threads": torch.get_num_threads(),
        "load_average": load(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def load() -> list[float]:
    """Return the load average over 1, 5 and 15 minutes, which includes the benchmark's own load."""
    return [round(value, 2) for value in os.getloadavg()]


def _cpu_info() -> dict[str, str]:
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
