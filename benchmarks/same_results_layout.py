"""Compare results of the old layout with results of the harness for studies and the evaluators.

Files and keys differ between the two, and so do some intervals. Every number of an old result must
be in the new one, at the key that `MOVED` gives; the new one may hold more. Ends of intervals and
the provenance of a result are not compared. CHANGELOG.md lists these differences with their
reasons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILES = {"fields.json": "vector-field.json", "split.json": "eval.json"}
"""New name of each old name of a file."""

PROVENANCE = {
    *("checkpoint", "sha256", "env_steps", "seed", "command", "config", "versions", "study"),
    *("options", "of", "levels", "held_out", "trained_on", "file", "intervals"),
}
"""Keys of an old result that the harness writes in another place or in another form."""

ENDS = {"low", "high"}
SPEEDS = {"charts/SPS", "time/rollout_s", "time/update_s"}
_HALVES = {"decoded": "both halves", "first": "first half", "second": "second half"}
_DIGITS = {"low": "0-4", "high": "5-9"}

MOVED: dict[str, list[tuple[str, str]]] = {
    "integrated-gradients.json": [
        (r"mazes:(\d+):cheese_removed", r"decisions:\1:removed"),
        (r"mazes:", "decisions:"),
        (r"near_cheese", "near"),
    ],
    "localization.json": [(r"runs:", "of_each:")],
    "selective-ablation.json": [(r"runs:(\d+):regions", r"regions:\1")],
}
"""For each file by its new name, patterns of old keys and their new keys; the first match counts.
"""

GONE = {
    "integrated-gradients.json": {"baseline"},  # no-cheese is called removed
    "probes.json": {"region"},  # an option of the environment, which the config has
    "power-map.json": {"world", "gamma", "draws"},  # options, as below
    "delayed-specification.json": {
        *("worlds", "gamma", "time", "weight", "auxiliary", "draws", "seeds"),
    },
    "compare.json": None,  # the report's learning curves, which are on its page alone
}
"""For each file by its name, old keys that are no numbers of the result; None for the whole file.
"""


def moved_differences(old: Path, new: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield file, key, old and new value of every number that is missing at its new key."""
    for file in sorted(old.rglob("*.json")):
        if file.name == "tables.json":  # the same numbers in words
            continue
        name = str(file.relative_to(old).with_name(FILES.get(file.name, file.name)))
        gone = GONE.get(file.name, set())
        if gone is None and file.parent.name == "training":
            continue
        if not (new / name).is_file():
            yield name, "", "there", "missing"
            continue
        before, after = (json.loads(one.read_text()) for one in (file, new / name))
        if file.name == "split.json":
            before, after = _errors(before), _scores(after)
        elif Path(name).name.startswith("eval"):
            before, after = _scores(before), _scores(after)
        found = dict(_leaves(after))
        for key, value in _leaves(before):
            there = found.get(_now(Path(name).name, key), "missing")
            if key not in (gone or ()) and repr(there) != repr(value):
                yield name, key, repr(value)[:80], repr(there)[:80]


def _now(name: str, key: str) -> str:
    for pattern, now in MOVED.get(name, []):
        if re.match(pattern, key):
            return re.sub(pattern, now, key, count=1)
    return key


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values in a result by their keys, joined by colons."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in PROVENANCE | ENDS | SPEEDS:
                yield from _leaves(one, f"{at}:{key}" if at else key)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _leaves(one, f"{at}:{number}")
    else:
        yield at, value


def _scores(data: dict[str, Any]) -> dict[str, Any]:
    """Return values and n by player, situation, group and metric, from either layout."""
    found: dict[str, Any] = {}
    for score in data["scores"]:
        if "metrics" in score:
            where = (score["player"], *score["situation"].values(), *score["group"].values())
            metrics = score["metrics"]
        else:
            # A file of an ablation has no whole agent beside it.
            ablated = "ablate" in data and score["player"].startswith("without")
            player = "agent" if ablated else score["player"]
            where = (player, *filter(None, (score.get("cheese"), score.get("size"))))
            names = ("success", "efficient", "return", "length")
            metrics = {name: score[name] for name in names if name in score}
            metrics |= {f"P({end})": one for end, one in score.get("outcomes", {}).items()}
            metrics |= {f"P({e})": score[e] for e in ("diamond", "ghost") if e in score}
            if any(name.startswith("P(") for name in metrics):
                metrics.pop("success", None)
        found[" ".join(map(str, where))] = metrics
    return found


def _errors(data: dict[str, Any]) -> dict[str, Any]:
    """Return the errors of one autoencoder by player, situation and metric."""
    (score,) = data["scores"]
    return {
        f"agent {_HALVES[decoder]}": {
            f"{kind.upper()} {_DIGITS[half]}": {"value": value}
            for kind in ("mae", "mse")
            for half, value in score["errors"][kind][decoder].items()
        }
        for decoder in _HALVES
    }
