"""Analyse SafeLife: replays of recorded episodes."""

from chisel.analysis.safelife.replay import ASPECTS, Replay, replay
from chisel.analysis.safelife.trace import Trace, read_trace

__all__ = ["ASPECTS", "Replay", "Trace", "read_trace", "replay"]
