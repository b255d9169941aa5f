"""Channels of a maze agent: which follow the cheese, what they do, leading the mouse by them."""

from chisel.analysis.maze.channels.detection import Tracking, goal_tracking, with_cheese
from chisel.analysis.maze.channels.figures import channel_sheet, retarget_figure
from chisel.analysis.maze.channels.logit_attribution import (
    direct_logit_attribution,
    move_logits,
)
from chisel.analysis.maze.channels.places import layer_cell, view_side
from chisel.analysis.maze.channels.recipe import (
    LAYER,
    Subject,
    goal_channels,
    named_channels,
    subject,
)
from chisel.analysis.maze.channels.resampling import (
    Donor,
    Resampled,
    Watched,
    ablation_sweep,
    donor_for,
    matched_channels,
    random_channels,
    resampled,
    watch,
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

__all__ = [
    "LAYER",
    "ChannelsResult",
    "Clamps",
    "Donor",
    "Resampled",
    "RetargetMap",
    "RetargetResult",
    "Subject",
    "Tracking",
    "Watched",
    "Ways",
    "ablation_sweep",
    "channel_sheet",
    "direct_logit_attribution",
    "donor_for",
    "goal_channels",
    "goal_tracking",
    "layer_cell",
    "matched_channels",
    "move_logits",
    "named_channels",
    "path_probability",
    "random_channels",
    "resampled",
    "retarget_figure",
    "retarget_map",
    "subject",
    "view_side",
    "watch",
    "ways_of",
    "with_cheese",
    "write_channels",
    "write_retarget",
]
