"""Channels of a maze agent: which follow the cheese, what they do, leading the mouse by them."""

from chisel.analysis.channels.detection import Tracking, goal_tracking, with_cheese
from chisel.analysis.channels.figures import channel_sheet, retarget_figure
from chisel.analysis.channels.places import layer_cell, view_side
from chisel.analysis.channels.resampling import (
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
from chisel.analysis.channels.retarget import (
    RetargetMap,
    Ways,
    path_probability,
    retarget_map,
    ways_of,
)
from chisel.analysis.channels.votes import move_logits, votes
from chisel.analysis.cut import Cut

__all__ = [
    "Cut",
    "Donor",
    "Resampled",
    "RetargetMap",
    "Tracking",
    "Watched",
    "Ways",
    "ablation_sweep",
    "channel_sheet",
    "donor_for",
    "goal_tracking",
    "layer_cell",
    "matched_channels",
    "move_logits",
    "path_probability",
    "random_channels",
    "resampled",
    "retarget_figure",
    "retarget_map",
    "view_side",
    "votes",
    "watch",
    "ways_of",
    "with_cheese",
]
