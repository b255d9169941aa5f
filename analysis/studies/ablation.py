"""The study `ablation`: an agent without each of its regions, beside random ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from chisel.analysis.ablation import write_ablation
from chisel.analysis.evaluation import agent_ablation_matrix
from chisel.analysis.results import (
    Request,
    labelled,
    names_of,
    naming,
    progress_bars,
    runs_of,
)
from chisel.models import Loaded, load

STUDY = "ablation"


def run(
    *,
    checkpoint: Path | str,
    levels: int | None = None,
    split: Literal["validation", "test"] = "test",
    mode: Literal["zero", "mean", "resample"] = "zero",
    controls: int = 3,
    gates: bool = False,
    out: Path | str | None = None,
) -> Path:
    """Play without each region, and without random ones of the same size.

    Shipped weights suffice; `localization` also measures where gradients fall, and needs a run.

    Args:
        checkpoint: An agent, or a folder of seeds.
        levels: Number of held-out levels or games for each row; None is `eval.levels`.
        split: Split of these levels, where there are splits.
        mode: What ablating does to the units.
        controls: Number of random regions for each region.
        gates: Whether random regions silence as many units of a gate as the region does; a unit of
            a gate scales an expert's output.
        out: Folder for the results; None is `studies/ablation` of the run or group, with another
            mode than zero `studies/ablation-MODE`.

    Returns:
        The folder, with `ablation.json`, its table and a figure.

    Raises:
        ConfigError: If an option is impossible, or an agent has no regions.
    """
    asked = Request.of(STUDY, run, locals())
    runs = runs_of(checkpoint)
    matrices, origins = [], []
    with progress_bars() as progress:
        for path, name in zip(runs, names_of(runs), strict=True):
            agent: Loaded[Any] = load(path)
            with naming(name):
                matrices.append(
                    agent_ablation_matrix(
                        agent,
                        levels=levels,
                        split=split,
                        mode=mode,
                        controls=controls,
                        gates=gates,
                        progress=labelled(progress, name),
                    )
                )
            config = agent.config
            assert config is not None  # or there would have been nothing to play
            origins.append(asked.provenance(agent, config, seed=config.eval.seed))
    named = STUDY if mode == "zero" else f"{STUDY}-{mode}"
    seeds = "" if len(runs) == 1 else f", {len(runs)} seeds"
    what = origins[0]["config"]["experiment"] or agent.source
    how = "" if mode == "zero" else f" ({mode} ablation)"
    title = f"{what}{seeds}: without each region{how}"
    with asked.results(asked.folder(agent, stem=named, but=("mode",))) as folder:
        write_ablation(folder, STUDY, matrices, origins, title)
    return folder
