"""What a checkpoint does and why: play, evaluation, fields, statistics, studies, figures."""

from analysis.compare import Comparison, compare
from analysis.evaluation import Evaluation, Score, evaluate
from analysis.field_figures import contact_sheet, field_figure
from analysis.fields import VectorField, vector_field
from analysis.figures import save_figure
from analysis.play import Policy, play, random_policy
from analysis.stats import Estimate, bootstrap_mean, mean_over_seeds, proportion

__all__ = [
    "Comparison",
    "Estimate",
    "Evaluation",
    "Policy",
    "Score",
    "VectorField",
    "bootstrap_mean",
    "compare",
    "contact_sheet",
    "evaluate",
    "field_figure",
    "mean_over_seeds",
    "play",
    "proportion",
    "random_policy",
    "save_figure",
    "vector_field",
]
