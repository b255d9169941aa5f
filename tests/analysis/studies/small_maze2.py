"""Small cases of the studies of where maze agents go: options that differ from the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from chisel.models import checkpoint_name, read_checkpoint, write_checkpoint
from tests.analysis.conftest import make_run

CASES: dict[str, dict[str, Any]] = {
    "behaviour": {"levels": 160, "split": "train", "variables": "cheese_norm", "seed": 3},
    "edits": {"session": "edits.json", "levels": 16, "split": "train", "seed": 3},
    "region-sweep": {"levels": 16, "split": "train", "seed": 3},
    "over-training": {
        "measure": "regression,success",
        "levels": 8,
        "split": "train",
        "points": 2,
        "maze": 1,
        "seed": 7,
    },
}


def agent_for(study: str, folder: Path) -> str:
    """Make what a case is about in a folder, and return what `checkpoint` is then."""
    if study == "region-sweep":
        return ",".join(
            str(_walker(folder / f"region-{side}", f"env.region={side}", f"init_seed={side}"))
            for side in (1, 3)
        )
    if study == "edits":
        Path("edits.json").write_text('[{"kind": "scale", "site": "fc_policy", "factor": 0}]')
    if study == "over-training":
        return str(_with_two_checkpoints(_walker(folder / "run")))
    return str(_walker(folder / "run", "env.cheese=stock", "env.timeout=60"))


def _walker(folder: Path, *overrides: str) -> Path:
    """Make a run of an agent that walks at random, and so finds the cheese now and then."""
    logits = torch.full((15,), -1e9)
    logits[[1, 3, 5, 7]] = 0
    return make_run(folder, logits=logits, overrides=["eval.num_envs=64", *overrides])


def _with_two_checkpoints(run: Path) -> Path:
    newest = run / "checkpoints" / checkpoint_name(3)
    payload = read_checkpoint(newest)
    payload["chisel"] |= {"iteration": 6, "env_steps": 24_000}
    payload["state_dict"]["model.fc_policy.bias"][7] = 1
    write_checkpoint(newest.with_name(checkpoint_name(6)), payload)
    return run
