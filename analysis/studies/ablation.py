"""The study `ablation`: a network without each of its regions, beside random ones."""

from __future__ import annotations

import functools
from typing import Annotated, Literal

from chisel.analysis.ablation import ablation_result
from chisel.analysis.evaluation import agent_ablation_matrix
from chisel.analysis.results import Count, Networks, Result, Within


def run(
    checkpoint: Networks,
    *,
    levels: Count | None = None,
    split: Literal["validation", "test"] | None = None,
    mode: Literal["zero", "mean", "resample"] = "zero",
    controls: Annotated[int, Within(0)] = 3,
    gates: bool = False,
) -> Result:
    """Play without each region, and without random ones of the same size.

    Shipped weights suffice; `localization` also measures where gradients fall, and needs a run.

    Args:
        checkpoint: What was routed.
        levels: Number of held-out levels or games for each row; None is `eval.levels`.
        split: Split of these levels; None is `eval.split`.
        mode: What ablating does to the units.
        controls: Number of random regions for each region.
        gates: Whether random regions silence as many units of a gate as the region does; a unit of
            a gate scales an expert's output.

    Returns:
        Metrics under each ablation, and their changes; several seeds are combined.

    Raises:
        ConfigError: If there are no regions, or they cannot be ablated so.
    """
    measure = functools.partial(
        agent_ablation_matrix, levels=levels, split=split, mode=mode, controls=controls, gates=gates
    )
    matrices = checkpoint.each(lambda network, progress: measure(network, progress=progress))
    how = "" if mode == "zero" else f" ({mode} ablation)"
    return ablation_result("ablation", matrices, f"{checkpoint.title}: without each region{how}")
