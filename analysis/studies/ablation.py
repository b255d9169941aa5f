"""The study `ablation`: measure a network without each of its regions, beside random ones."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Annotated, Literal

from chisel.analysis.ablation import AblationMatrix, ablation_result, over_seeds, paired_difference
from chisel.analysis.evaluation import agent_ablation_matrix
from chisel.analysis.results import Count, Networks, Result, Within
from chisel.configs import ConfigError


def run(
    checkpoint: Networks,
    *,
    other: Networks | None = None,
    levels: Count | None = None,
    split: Literal["validation", "test"] | None = None,
    mode: Literal["zero", "mean", "resample"] = "zero",
    controls: Annotated[int, Within(0)] = 3,
    gates: bool = False,
) -> Result:
    """Play without each region, and without random ones of the same size.

    It works for shipped weights, too. The study `localization` also measures where gradients fall,
    and needs a run.

    Args:
        checkpoint: Networks with regions.
        other: Networks trained in another way with the same seeds; their table is subtracted
            seed by seed.
        levels: Number of held-out levels or games for each row; left out, `eval.levels`.
        split: Split of these levels; left out, `eval.split`.
        mode: Values of ablated units: zero, their mean, or those of other examples.
        controls: Number of random regions for each region.
        gates: Whether random regions contain as many units of gates as the region, or none. A unit
            of a gate scales an expert's output, so a fair control of such a region contains one.

    Returns:
        Metrics under each ablation, and their changes; several seeds are combined. With `other`
        there are also the same table of the other networks (`other`), and the first minus the
        second with intervals over pairs of seeds (`difference`).

    Raises:
        ConfigError: If there are no regions, if they cannot be ablated in this mode, or if the
            other networks have other seeds.
    """
    if other is not None and other.names != checkpoint.names:
        raise ConfigError(
            f"other={other}: pairs have the same seeds; these are {_named(other)}, "
            f"and those of {checkpoint} are {_named(checkpoint)}"
        )
    measure = functools.partial(
        agent_ablation_matrix, levels=levels, split=split, mode=mode, controls=controls, gates=gates
    )
    how = "" if mode == "zero" else f" ({mode} ablation)"

    def matrices_of(networks: Networks) -> list[AblationMatrix]:
        return networks.each(lambda network, progress: measure(network, progress=progress))

    matrices = matrices_of(checkpoint)
    title = f"{checkpoint.title}: without each region{how}"
    if other is None:
        return ablation_result("ablation", matrices, title)
    others = matrices_of(other)
    together, difference = over_seeds(others), paired_difference(matrices, others)
    result = ablation_result(
        "ablation",
        matrices,
        title,
        {"other": together, "of_each_other": others, "difference": difference},
    )
    tables = {
        "other": together.table(f"{other.title}: without each region{how}"),
        "difference": difference.table(
            f"{checkpoint.title} minus {other.title}, seed by seed{how}"
        ),
    }
    return replace(result, tables={**result.tables, **tables})


def _named(networks: Networks) -> str:
    return ", ".join(networks.names) if len(networks) > 1 else "one network"
