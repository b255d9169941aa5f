"""Measure the matrix of all ablations of a network on the games of its world."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from chisel import routing
from chisel.analysis.ablation import (
    AblationMatrix,
    ablation_matrix,
    refused_by_routing,
    regions_of,
)
from chisel.analysis.evaluation.evaluator import AnyLoaded, Context, Player, judged_by
from chisel.analysis.evaluation.interventions import record_means
from chisel.analysis.results import ProgressCallback, Settings, as_list
from chisel.configs import ConfigError


def agent_ablation_matrix(
    loaded: AnyLoaded,
    *,
    overrides: Settings = (),
    regions: Mapping[str, routing.Region] | None = None,
    levels: int | None = None,
    split: str | None = None,
    mode: routing.Mode = "zero",
    controls: int = 3,
    gates: bool = False,
    progress: ProgressCallback | None = None,
) -> AblationMatrix:
    """Play the same games with the whole network, without each region, and without random regions.

    Games are those of the first situation of the world's evaluator; `eval.seed` determines games
    and sampled actions. Means are over observations in other games (see `other_games`).

    Args:
        loaded: Network that plays.
        overrides: Settings `key=value` on `eval.*` and `env.*`.
        regions: Regions by name; `None` takes those that the network was routed with.
        levels: Number of held-out levels or games for each row; `None` is `eval.levels`.
        split: Split of these levels; `None` is `eval.split`.
        mode: Mode of the ablation: `zero`, `mean`, `resample` or a factor.
        controls: Number of random regions for each region.
        gates: Whether random regions contain as many units of gates as the region, or none.
        progress: Called with the name of the row played, rows done and wanted.

    Raises:
        ConfigError: If the network has no regions, or they cannot be ablated in this mode; if
            `levels` is given for a corpus, or `split` for a world without splits.
    """
    settings = as_list(overrides)
    if levels is not None and loaded.config is not None and loaded.config.corpus is not None:
        raise ConfigError(
            f"levels={levels}: examples are taken whole, a split of them; leave it out"
        )
    if levels is not None:
        settings.append(f"eval.levels={levels}")
    if split is not None:
        settings.append(f"eval.split={split}")
    evaluator, config = judged_by(loaded, settings)
    situation, seed = evaluator.situations[0], config.eval.seed
    agent = evaluator.players(loaded, config, situation)[0]
    chosen = regions_of(loaded) if regions is None else regions
    opened = evaluator.open(loaded, config, situation, paired=True)
    with refused_by_routing(loaded), opened as games:

        def episodes(context: Context) -> pd.DataFrame:
            player = Player(agent.name, agent.policy, context, mode == "resample", agent.greedy)
            return evaluator.table(games.play(player, (seed,)))

        return ablation_matrix(
            loaded.model,
            chosen,
            episodes,
            metrics={m.name: m.within for m in evaluator.metrics if m.whole is None},
            unit=evaluator.unit,
            mode=mode,
            record=lambda regions: record_means(loaded, config, regions)[0],
            controls=controls,
            gates=gates,
            seed=seed,
            progress=progress,
        )
