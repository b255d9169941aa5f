"""Small requests of studies that are about no agent."""

from pathlib import Path

CASES = {
    "engine-parity": {"seeds": "5:40", "games": 2, "steps": 20, "seed": 1},
    "power-map": {"world": "vase", "gamma": 0.8, "draws": 20, "seed": 1},
    "power-orbits": {"gammas": "0.25,0.75", "draws": 1, "seed": 1},
    "delayed-specification": {
        "worlds": "damage",
        "gamma": 0.9,
        "time": 3,
        "weight": 0.1,
        "auxiliary": 2,
        "draws": 5,
        "seeds": 2,
        "seed": 1,
    },
    "aup-ablation": {
        "preset": "exact",
        "seeds": 2,
        "rr_seeds": 1,
        "worlds": "vase,damage",
        "keys": "state",
        "seed": 1,
    },
    "aup-sweep": {
        "over": "rewards,gamma",
        "trials": 1,
        "worlds": "damage",
        "preset": "exact",
        "keys": "state",
        "seed": 1,
    },
    "aup-phase": {
        "agent": "model-free",
        "lambdas": "0.5,2",
        "draws": 2,
        "rewards": 5,
        "rewards_by": "board",
        "worlds": "offset",
        "seed": 1,
    },
}


def agent_for(study: str, folder: Path) -> None:
    """Return no agent: these studies are about worlds."""
