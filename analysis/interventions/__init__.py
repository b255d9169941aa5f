"""Record and edit activations of any module of any model, and add to its weights.

    with intervene(model, {"embedder.block2.res1.resadd": add(vector, -1)}):
        logits, values = model(obs)

An edit is a function from an activation to the one that replaces it. It is applied at a `Site`, or
to the output of a named module. `record` reads activations; `with_weights` adds the difference
between two checkpoints to the weights.
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
    Place,
    as_site,
    find_sites,
    intervene,
    record,
    recording,
)
from chisel.analysis.interventions.layer_split import BATCH, LayerSplit
from chisel.analysis.interventions.patches import Patches
from chisel.analysis.interventions.stages import Stages
from chisel.analysis.interventions.weights import weight_difference, with_weights

__all__ = [
    "BATCH",
    "Edit",
    "LayerSplit",
    "Patches",
    "Place",
    "Stages",
    "add",
    "as_site",
    "clamp",
    "clamp_each",
    "compose",
    "find_sites",
    "intervene",
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
