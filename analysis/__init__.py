"""What a checkpoint does and why: play, evaluation, fields, statistics, studies, figures."""

from analysis.play import Policy, play, random_policy
from analysis.stats import Estimate, bootstrap_mean, mean_over_seeds, proportion

__all__ = [
    "Estimate",
    "Policy",
    "bootstrap_mean",
    "mean_over_seeds",
    "play",
    "proportion",
    "random_policy",
]
