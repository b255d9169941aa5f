"""The study `selective-ablation`: what the units that tell two goals apart do, without routing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from analysis.ablation_figures import ablation_figure
from analysis.ablation_seeds import over_seeds
from analysis.figures import save_figure
from analysis.maze_ablation import maze_ablation_matrix
from analysis.output import provenance, results_folder, show, study_command, write_json
from analysis.selective import selective_regions
from analysis.settings import maze_run, runs_of, take_agent

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
    """Ablate, in agents that were not routed, the units most selective for each of two goals.

    Units are chosen on validation mazes, whatever `split` the ablations are measured on.

    Args:
        checkpoint: A run, one of its checkpoints, or a folder of seeds.
        module: Whose units.
        share: Of its units that each goal gets, at most a half.
        levels: Held-out mazes for each row.
        split: Of these mazes.
        controls: Random regions for each region.
        out: Folder for the results; None is `studies/selective-ablation` of the run or group.

    Returns:
        The folder, with `selective-ablation.json` and a figure.
    """
    words = {"module": module, "share": share, "levels": levels, "split": split}
    words |= {"controls": controls}
    command = study_command(STUDY, words, checkpoint)
    matrices, origins = [], []
    for path in runs_of(checkpoint):
        agent = take_agent(path, env=None)
        overrides = [f"eval.levels={levels}", f"eval.split={split}"]
        config = maze_run(agent, overrides)
        regions = selective_regions(agent, config, module=module, share=share)
        matrices.append(
            maze_ablation_matrix(agent, overrides=overrides, regions=regions, controls=controls)
        )
        origin = provenance(agent, config, seed=config.eval.seed, command=command)
        origins.append(origin | {"regions": regions.to_plain()})
    folder = results_folder(checkpoint, agent, STUDY, out)
    together = over_seeds(matrices)
    data = {"ablation": together.to_plain(), "runs": origins}
    data["of_each"] = [matrix.to_plain() for matrix in matrices]
    write_json(folder / "selective-ablation.json", data)
    title = f"{config.experiment}: without the {share:.0%} of {module} most selective for a goal"
    save_figure(ablation_figure(together, title), folder / "selective-ablation.png", command)
    show(together.table(title))
    return folder
