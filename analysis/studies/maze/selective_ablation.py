"""The study `selective-ablation`: ablation of units selective for a goal, without routing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from chisel.analysis.ablation import write_ablation
from chisel.analysis.evaluation import agent_ablation_matrix
from chisel.analysis.maze import selective_regions
from chisel.analysis.results import (
    Request,
    labelled,
    maze_run,
    names_of,
    naming,
    progress_bars,
    runs_of,
    take_agent,
)

STUDY = "selective-ablation"


def run(
    *,
    checkpoint: Path | str,
    module: str = "embedder.fc",
    share: float = 0.5,
    levels: int = 1000,
    split: Literal["validation", "test"] = "test",
    controls: int = 3,
    out: Path | str | None = None,
) -> Path:
    """Ablate the units most selective for each of two goals, in agents trained without routing.

    Units are always chosen on validation mazes; ablations are measured on `split`.

    Args:
        checkpoint: A run, one of its checkpoints, or a folder of seeds.
        module: Name of the module whose output units are chosen.
        share: Share of its units that each goal gets, at most 0.5.
        levels: Number of held-out mazes for each row.
        split: Split of these mazes.
        controls: Number of random regions for each region.
        out: Folder for the results; None is `studies/selective-ablation` of the run or group.

    Returns:
        The folder, with `selective-ablation.json`, its table and a figure.
    """
    asked = Request.of(STUDY, run, locals())
    runs = runs_of(checkpoint)
    overrides = [f"eval.levels={levels}", f"eval.split={split}"]
    matrices, origins = [], []
    with progress_bars() as progress:
        for path, name in zip(runs, names_of(runs), strict=True):
            agent = take_agent(path, env=None)
            with naming(name):
                config = maze_run(agent, overrides)
                regions = selective_regions(agent, config, module=module, share=share)
                matrix = agent_ablation_matrix(
                    agent,
                    overrides=overrides,
                    regions=regions,
                    controls=controls,
                    progress=labelled(progress, name),
                )
            matrices.append(matrix)
            origin = asked.provenance(agent, config, seed=config.eval.seed)
            origins.append(origin | {"regions": regions.to_plain()})
    title = f"{config.experiment}: without the {share:.0%} of {module} most selective for a goal"
    with asked.results(asked.folder(agent)) as folder:
        write_ablation(folder, STUDY, matrices, origins, title)
    return folder
