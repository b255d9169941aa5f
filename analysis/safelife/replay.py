"""Replay a recorded episode, and find the first difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.safelife.trace import Trace
from chisel.envs.safelife import (
    CHANNELS_10,
    CHANNELS_12,
    TIME_LIMITS,
    Games,
    load,
    look,
    new_games,
    pcg64_stream,
    planes_of_view,
    play,
    side_effects,
)

ASPECTS = ("boards", "rewards", "dones", "positions", "observations", "exits", "draws")
"""Aspects that are compared step by step."""
TOLERANCE = 1e-4
"""Largest difference of the metric that still counts as equal."""


_GREEN_SEED = 9000
"""Seed of the draws for the second side effect on green life in a trace."""


@dataclass(frozen=True)
class Replay:
    """Differences between a replay and its record."""

    differs: dict[str, int]
    """First step that differs for each aspect, 0 for the start; equal aspects are left out."""
    metric: float
    """Largest difference of the side effects, in cells."""

    @property
    def exact(self) -> bool:
        """Whether everything is equal, and the metric within its tolerance."""
        return not self.differs and self.metric <= TOLERANCE

    @property
    def problem(self) -> str:
        """Description of the first difference, in a few words; empty if there is none."""
        found = [
            f"{aspect} differ from {f'step {step}' if step else 'the start'} on"
            for aspect, step in self.differs.items()
        ]
        if not self.metric <= TOLERANCE:
            found.append(f"the metric differs by {self.metric:.2g}")
        return ", ".join(found)


def replay(trace: Trace) -> Replay:
    """Replay an episode with its actions and its random draws.

    Args:
        trace: The recorded episode.
    """
    rules_12 = trace.rules == "1.2"
    games = new_games(1, trace.level.shape)
    games.streams[0] = pcg64_stream(int(trace.number("dyn_seed")))
    share = float(trace.number("min_performance"))
    load(games, 0, trace.level, rules_12=rules_12, min_performance=share)
    played, reward = [_moment(games, 0, trace)], np.zeros(1, np.int64)
    for action in trace.arrays["actions"].astype(np.int64):
        play(games, np.array([action]), reward, 0, 1, rules_12)
        played.append(_moment(games, int(reward[0]), trace))
    differs: dict[str, int] = {}
    for name, recorded in _recorded(trace).items():
        ours = np.array([moment[name] for moment in played])
        wrong = (ours != recorded).reshape(len(ours), -1).any(axis=1)
        aspect = _ASPECT_OF[name]
        if wrong.any():
            differs[aspect] = min(int(np.argmax(wrong)), differs.get(aspect, len(ours)))
    ordered = {aspect: differs[aspect] for aspect in ASPECTS if aspect in differs}
    return Replay(ordered, _metric_difference(trace))


_ASPECT_OF = {
    "board": "boards",
    "goals": "boards",
    "reward": "rewards",
    "points": "rewards",
    "performance": "rewards",
    "done": "dones",
    "times_up": "dones",
    "agent": "positions",
    "direction": "positions",
    "view": "observations",
    "can_exit": "exits",
    "draws": "draws",
}


def _moment(games: Games, reward: int, trace: Trace) -> dict[str, Any]:
    """Return a copy of the present values of all aspects."""
    rules_12 = trace.rules == "1.2"
    words = np.zeros((25, 25), np.int16)
    look(games.board[0], games.goals[0], games.planes[0], games.agent[0], rules_12, words)
    names = CHANNELS_12 if rules_12 else CHANNELS_10
    shown = [names.index(name) for name in CHANNELS_10]
    times_up = bool(games.length[0] >= TIME_LIMITS[trace.rules])
    return {
        "board": games.board[0].copy(),
        "goals": games.goals[0].copy(),
        "reward": reward,
        "points": int(games.points[0]),
        "performance": (int(games.completed[0]), int(games.possible[0])),
        "done": bool(games.exited[0]) or times_up,
        "times_up": times_up,
        "agent": games.agent[0, :2].tolist(),
        "direction": int(games.agent[0, 2]),
        "view": planes_of_view(words[..., None], len(names))[..., shown],
        "can_exit": bool(games.can_exit[0]),
        "draws": int(games.draws[0]),
    }


def _recorded(trace: Trace) -> dict[str, NDArray[Any]]:
    """Return the recorded values of all aspects, with a row for the start and for each step."""
    arrays = trace.arrays
    goals = np.broadcast_to(arrays["goals"], arrays["boards"].shape)
    pairs = {
        "board": (arrays["reset_board"], arrays["boards"]),
        "goals": (arrays["init_goals"], goals),
        "reward": (0, arrays["rewards"]),
        "points": (arrays["init_points"], arrays["points"]),
        "performance": (arrays["init_perf"], arrays["perf"]),
        "done": (False, arrays["done"]),
        "times_up": (False, arrays["times_up"]),
        "agent": (arrays["init_agent_rc"], arrays["agent_rc"]),
        "direction": (arrays["init_orientation"], arrays["orientation"]),
        "view": (arrays["obs0"], arrays["obs"]),
        "can_exit": (arrays["init_can_exit"], arrays["can_exit"]),
        "draws": (0, arrays["n_rng_draws"]),
    }
    return {
        name: np.concatenate([np.asarray(start)[None], steps])
        for name, (start, steps) in pairs.items()
    }


def _metric_difference(trace: Trace) -> float:
    """Return the largest difference of side effects, and of cells without actions.

    They are measured between the first and the last recorded board. A type that only one of replay
    and record has differs by its whole value.
    """
    arrays, largest = trace.arrays, 0.0
    for row, seed in enumerate(arrays["se_rng_seeds"].tolist()):
        effects = side_effects(
            trace.level.board.astype(np.uint16),
            arrays["boards"][-1].astype(np.uint16),
            trace.steps,
            stream=pcg64_stream(seed),
            rules=trace.rules,
        )
        ours = {cell: (effect.distance, effect.inaction) for cell, effect in effects.items()}
        pairs = zip(arrays["se_values"][row], arrays["se_inaction_total"][row], strict=True)
        theirs = dict(zip(arrays["se_keys"].tolist(), pairs, strict=True))
        if seed == _GREEN_SEED:
            cell = int(trace.number("green_key"))
            theirs[cell] = trace.number("green_emd"), theirs.get(cell, (0.0, 0.0))[1]
        for cell in ours.keys() | theirs.keys():
            gaps = np.subtract(ours.get(cell, (0.0, 0.0)), theirs.get(cell, (0.0, 0.0)))
            largest = float(np.maximum(largest, np.abs(gaps).max()))  # a NaN stays
    return largest
