"""Recording and editing activations of any module of any model, and adding to its weights.

    with intervene(model, {"embedder.block2.res1.resadd": add(vector, -1)}):
        logits, values = model(obs)

An edit is a function from an activation to the one that replaces it. `record` reads activations;
`with_weights` adds the difference between two checkpoints to the weights.
"""

from chisel.analysis.interventions.edits import (
    add,
    clamp,
    clamp_each,
    compose,
    mean,
    project_out,
    resample,
    scale,
    zero,
)
from chisel.analysis.interventions.hooks import (
    Edit,
    edit_at,
    find_modules,
    intervene,
    record,
    recording,
)
from chisel.analysis.interventions.layer_split import BATCH, LayerSplit, keep
from chisel.analysis.interventions.weights import weight_difference, with_weights

__all__ = [
    "BATCH",
    "Edit",
    "LayerSplit",
    "add",
    "clamp",
    "clamp_each",
    "compose",
    "edit_at",
    "find_modules",
    "intervene",
    "keep",
    "mean",
    "project_out",
    "record",
    "recording",
    "resample",
    "scale",
    "weight_difference",
    "with_weights",
    "zero",
]
