"""Reading and changing what goes on inside a network while it runs: any module of any model.

    with intervene(model, {"embedder.block2.res1.resadd": add(vector, -1)}):
        logits, values = model(obs)

An edit is a plain function from an activation to what takes its place; `record` reads activations;
`with_weights` adds a difference between two checkpoints to the weights.
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
