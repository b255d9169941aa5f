"""Channels of a maze agent: which follow the cheese, what they do, and retargeting by them."""

from chisel.analysis.maze.channels.detection import Tracking, goal_tracking, with_cheese
from chisel.analysis.maze.channels.figures import channel_sheet, retarget_figure
from chisel.analysis.maze.channels.resampling import (
    Donor,
    RecordedMaze,
    Resampled,
    ablation_sweep,
    donor_for,
    matched_channels,
    random_channels,
    record_maze,
    resampled,
)
from chisel.analysis.maze.channels.results import ChannelsResult, write_channels
from chisel.analysis.maze.channels.retarget import (
    RetargetMap,
    Ways,
    path_probability,
    retarget_map,
    ways_of,
)
from chisel.analysis.maze.channels.retarget_results import Clamps, RetargetResult, write_retarget
from chisel.analysis.maze.channels.studied_layer import (
    LAYER,
    StudiedLayer,
    goal_channels,
    named_channels,
    studied_layer,
)

__all__ = [
    "LAYER",
    "ChannelsResult",
    "Clamps",
    "Donor",
    "RecordedMaze",
    "Resampled",
    "RetargetMap",
    "RetargetResult",
    "StudiedLayer",
    "Tracking",
    "Ways",
    "ablation_sweep",
    "channel_sheet",
    "donor_for",
    "goal_channels",
    "goal_tracking",
    "matched_channels",
    "named_channels",
    "path_probability",
    "random_channels",
    "record_maze",
    "resampled",
    "retarget_figure",
    "retarget_map",
    "studied_layer",
    "ways_of",
    "with_cheese",
    "write_channels",
    "write_retarget",
]
