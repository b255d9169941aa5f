"""Find channels of a maze agent that follow the cheese, measure their effects, and retarget."""

from chisel.analysis.maze.channels.detection import (
    Tracking,
    goal_tracking,
    with_cheese,
)
from chisel.analysis.maze.channels.figures import (
    LED,
    Effects,
    channel_sheet,
    channels_figure,
    led_figure,
    resampling_figure,
    retarget_figure,
)
from chisel.analysis.maze.channels.resampling import (
    Donor,
    RecordedMaze,
    ablation_sweep,
    donor_for,
    donors_of,
    matched_channels,
    random_channels,
    record_maze,
    resampled,
)
from chisel.analysis.maze.channels.retarget import (
    RetargetMap,
    Ways,
    path_probability,
    retarget_map,
    ways_of,
)
from chisel.analysis.maze.channels.studied_layer import (
    LAYER,
    StudiedLayer,
    goal_channels,
    studied_layer,
)

__all__ = [
    "LAYER",
    "LED",
    "Donor",
    "Effects",
    "RecordedMaze",
    "RetargetMap",
    "StudiedLayer",
    "Tracking",
    "Ways",
    "ablation_sweep",
    "channel_sheet",
    "channels_figure",
    "donor_for",
    "donors_of",
    "goal_channels",
    "goal_tracking",
    "led_figure",
    "matched_channels",
    "path_probability",
    "random_channels",
    "record_maze",
    "resampled",
    "resampling_figure",
    "retarget_figure",
    "retarget_map",
    "studied_layer",
    "ways_of",
    "with_cheese",
]
