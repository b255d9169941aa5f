"""Channels of a maze agent: which follow the cheese, what they do, leading the mouse by them."""

from analysis.channels.detection import Tracking, goal_tracking, with_cheese
from analysis.channels.figures import channel_sheet, retarget_figure
from analysis.channels.places import layer_cell, view_side
from analysis.channels.resampling import (
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
from analysis.channels.retarget import RetargetMap, Ways, path_probability, retarget_map, ways_of
from analysis.channels.votes import move_logits, votes
from analysis.cut import Cut

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
