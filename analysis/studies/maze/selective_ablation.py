"""The study `selective-ablation`: ablate units that are selective for a goal, without routing."""

from __future__ import annotations

from typing import Annotated, Literal

from chisel.analysis.ablation import AblationMatrix, ablation_result
from chisel.analysis.evaluation import agent_ablation_matrix, maze_run
from chisel.analysis.maze import selective_regions
from chisel.analysis.results import Agents, Count, ProgressCallback, Result, Within
from chisel.models import Agent
from chisel.routing import Regions


def run(
    checkpoint: Agents,
    *,
    module: str = "embedder.fc",
    share: Annotated[float, Within(0, 0.5)] = 0.5,
    levels: Count = 1000,
    split: Literal["validation", "test"] = "test",
    controls: Annotated[int, Within(0)] = 3,
) -> Result:
    """Ablate the units most selective for each of two goals, in agents trained without routing.

    Units are always chosen on validation mazes; ablations are measured on `split`.

    Args:
        checkpoint: A maze agent.
        module: Name of the module whose output units are chosen.
        share: Share of the module's units that is chosen for each goal.
        levels: Number of held-out mazes for each row.
        split: Split of these mazes.
        controls: Number of random regions for each region.

    Returns:
        Metrics under each ablation, their changes, and the chosen regions of each seed.

    Raises:
        ConfigError: If the agent plays for one goal, or there is no such module.
    """
    overrides = [f"eval.levels={levels}", f"eval.split={split}"]

    def measure(agent: Agent, progress: ProgressCallback) -> tuple[AblationMatrix, Regions]:
        config = maze_run(agent, overrides)
        regions = selective_regions(agent, config, module=module, share=share)
        matrix = agent_ablation_matrix(
            agent, overrides=overrides, regions=regions, controls=controls, progress=progress
        )
        return matrix, regions

    matrices, regions = zip(*checkpoint.each(measure), strict=True)
    title = f"{checkpoint.title}: without the {share:.0%} of {module} most selective for a goal"
    more = {"regions": [one.to_plain() for one in regions]}
    return ablation_result("selective-ablation", matrices, title, more)
