"""Small cases of the studies that train, with options that differ from the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chisel import configs, trainers

_QUIET = "trainer.progress=false trainer.accelerator=cpu"
_GRID = f"frames=512 env.num_envs=4 algo.num_steps=64 model.hidden=8 {_QUIET}"
_STORIES = (
    "frames=20 algo.iteration_size=10 algo.batch_size=10 corpus.stories=20 corpus.validation=2 "
    f"model.layers=2 model.width=16 tracking.mode=disabled {_QUIET}"
)
_ROUTED = (
    "frames=512 env.num_envs=16 env.oversight=0.5 model.hidden=16 trainer.checkpoint_every=1 "
    f"trainer.keep_every=1 tracking.mode=disabled eval.levels=20 eval.num_envs=20 {_QUIET}"
)

FIXED = ("split",)
"""Options that the oversight board lacks."""

CASES: dict[str, dict[str, Any]] = {
    "aup-learned": {"worlds": "vase", "seeds": "3", "experiments": "ppo", "settings": _GRID},
    "routing-impact": {
        "world": "safelife",
        "seeds": "3",
        "experiments": "gate",
        "settings": f"{_GRID} model.channels=[2,2,2] algo.num_minibatches=1 env.time_limit=20",
    },
    "leaks": {"settings": "routing.freeze=true algo.gamma=0.9", "steps": 1, "seed": 2},
    "localization": {
        "frames": 512,
        "batch": 100,
        "points": 1,
        "levels": 10,
        "mode": "mean",
        "controls": 1,
        "seed": 2,
    },
    "relearning": {
        "region": "ghost",
        "frames": 512,
        "points": 1,
        "controls": 0,
        "fresh": False,
        "levels": 10,
        "metric": "P(diamond)",
        "settings": "algo.learning_rate=0.01",
        "seed": 2,
    },
    "lm-routing": {
        "seeds": "3,1",
        "arms": "gram,rmu,filtered",
        "recall": 0.7,
        "precision": 0.9,
        "settings": f"frames=20 algo.iteration_size=10 algo.batch_size=10 corpus.stories=20 "
        f"corpus.validation=2 model.layers=1 model.width=16 {_QUIET}",
        "stories": 4,
        "controls": 1,
        "dial": "0.5",
        "attack_stories": 4,
        "attack_steps": 2,
        "attack_rate": 0.01,
        "rmu_steps": 2,
    },
    "lm-scalar": {
        "seeds": "3,1",
        "settings": f"frames=20 algo.iteration_size=10 algo.batch_size=10 corpus.stories=20 "
        f"corpus.validation=2 {_QUIET}",
        "nearest_words": 3,
        "strengths": "0.5",
        "prompts": 4,
    },
    "lm-depth": {"count": 2, "length": 16, "near": 0.01},
    "steering-reliability": {
        "confound": "pace",
        "pairs": "1,3",
        "agreements": "0.8",
        "noises": "0.25",
        "draws": 1,
        "strengths": "0.5",
        "prompts": 3,
        "controls": 21,
        "rise": 0.25,
        "many": 4,
        "carries": -1000,
    },
    "steering-benchmark": {
        "concepts": "slow,sea",
        "prompts": 3,
        "pairs": 4,
        "layers": "0",
        "strengths": "0.5",
        "continuations": 2,
        "steps": 1,
        "carries": -1000,
    },
    "oversight": {
        "seeds": "3,1",
        "experiments": "naive",
        "settings": f"frames=512 env.num_envs=16 model.hidden=16 {_QUIET}",
        "boards": 8,
        "final_boards": 16,
    },
}


def agent_for(study: str, folder: Path) -> str | None:
    """Train what a case is about in a folder; return what `checkpoint` is then, if anything."""
    if study in ("aup-learned", "lm-routing", "lm-scalar", "oversight", "routing-impact"):
        return None
    language = study in ("lm-depth", "steering-benchmark", "steering-reliability")
    experiment = "language/stories" if language else "oversight/routed"
    settings = [*(_STORIES if language else _ROUTED).split(), f"runs_dir={folder}", "name=run"]
    return str(trainers.train(configs.load(experiment, settings)))
