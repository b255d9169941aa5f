"""Measure returns over training on diamond and ghost, from the checkpoints that runs kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel.analysis.evaluation.evaluator import Context, Player, judged_by
from chisel.analysis.evaluation.interventions import ablation_of
from chisel.analysis.evaluation.oversight import RETURNS, Boards, scripted_player
from chisel.analysis.results import (
    INK,
    PALETTE,
    DataTable,
    Estimate,
    bootstrap_mean,
    explain,
    mean_over_seeds,
    new_row,
    plot_band,
    style_axes,
)
from chisel.configs import CheckpointError, RunConfig
from chisel.models import kept_checkpoints, load_agent

WHOLE = "agent"
EXPERTS = {"diamond expert": "ghost", "ghost expert": "diamond"}
"""Region whose ablation leaves an expert alone, by the expert's name."""

_EXPERT = "diamond expert"
"""Name of the expert that is deployed after routing."""

_NOT_ROUTED = ("unrouted", "unlabelled")
"""Experiments without routing of experts, in which the whole agent is deployed."""

GAP = "diamond - ghost expert"

_COLOURS = {WHOLE: PALETTE[7], "diamond expert": PALETTE[0], "ghost expert": PALETTE[1]}
_OF_EXPERIMENT = {
    "routed": PALETTE[0],
    "unrouted": PALETTE[6],
    "naive": PALETTE[3],
    "naive-early-stopped": PALETTE[5],
    "filtered": PALETTE[4],
    "oracle": PALETTE[2],
}


@dataclass(frozen=True)
class OversightReturns:
    """Average stepwise returns of one run's players at each checkpoint that it kept."""

    env_steps: NDArray[np.int64]
    """Environment steps at each checkpoint `[K]`."""
    players: Mapping[str, NDArray[np.float64]]
    """Returns `[K]` of `agent` and, if there are experts, of each expert alone."""

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        players = {name: np.round(values, 4).tolist() for name, values in self.players.items()}
        return {"env_steps": self.env_steps.tolist(), "returns": players}


def oversight_returns(run: Path, *, boards: int, final_boards: int) -> OversightReturns:
    """Measure every checkpoint of a run.

    Args:
        run: The run's folder.
        boards: Number of fresh boards per checkpoint and player.
        final_boards: Number of boards for the last checkpoint, which is the one reported.

    Raises:
        CheckpointError: If the run has no checkpoint.
    """
    files = kept_checkpoints(run)
    if not files:
        raise CheckpointError(f"{run} has no checkpoints")
    found = [_returns_at(file, final_boards if file is files[-1] else boards) for file in files]
    players = {name: np.array([returns[name] for _, returns in found]) for name in found[0][1]}
    return OversightReturns(np.array([steps for steps, _ in found]), players)


def _returns_at(file: Path, boards: int) -> tuple[int, dict[str, float]]:
    agent = load_agent(file)
    _, config = judged_by(agent, [f"eval.levels={boards}"])
    contexts: dict[str, Context] = {WHOLE: nullcontext}
    if agent.regions and set(EXPERTS.values()) <= agent.regions.keys():
        for name, region in EXPERTS.items():
            contexts[name] = ablation_of(agent, config, {region: "zero"})
    returns = {}
    for number, (name, context) in enumerate(contexts.items()):
        player = Player(name, agent.policy, context)
        returns[name] = return_of(player, config, number).value
    return agent.env_steps or 0, returns


def oversight_ceiling(config: RunConfig, *, boards: int) -> Estimate:
    """Estimate the return of the best possible agent on the boards of a config."""
    true = replace(
        config,
        env=replace(config.env, reward="oracle"),
        eval=replace(config.eval, levels=boards),
    )
    return return_of(scripted_player("avoid-ghost"), true, 0)


def return_of(player: Player, config: RunConfig, number: int) -> Estimate:
    """Measure the average stepwise return of one player on fresh boards.

    Args:
        player: The player.
        config: Config of the boards, with the true reward.
        number: Number of the player, so that each has random draws of its own.
    """
    key = (config.eval.seed, number)
    returns = Boards(config).play(player, key)["r"]
    return bootstrap_mean(returns[~np.isnan(returns)], np.random.default_rng(key), within=RETURNS)


@dataclass(frozen=True)
class OversightSummary:
    """Returns of one player of one experiment, over its seeds."""

    experiment: str
    player: str
    final: Estimate
    """Return at the end of training."""
    peak: Estimate
    """Return of each run's best checkpoint, by the true return, which is unknown in training."""
    peak_of_mean: float
    """Highest mean return of all seeds at one moment of training."""
    peak_steps: int
    """Environment steps of that moment."""


def summarise_oversight(
    experiment: str, runs: Sequence[OversightReturns]
) -> list[OversightSummary]:
    """Return final and peak returns of an experiment's players, with intervals over its seeds.

    If there are experts, `GAP` is the diamond expert's return minus the ghost expert's.
    """
    found = []
    named = {player: np.stack([run.players[player] for run in runs]) for player in runs[0].players}
    if set(EXPERTS) <= named.keys():
        diamond, ghost = (named[expert] for expert in EXPERTS)
        named[GAP] = diamond - ghost
    for player, curves in named.items():
        mean = curves.mean(axis=0)
        best = int(mean.argmax())
        within = (-2.0, 2.0) if player == GAP else RETURNS
        found.append(
            OversightSummary(
                experiment,
                player,
                final=mean_over_seeds(curves[:, -1], within=within),
                peak=mean_over_seeds(curves.max(axis=1), within=within),
                peak_of_mean=float(mean[best]),
                peak_steps=int(runs[0].env_steps[best]),
            )
        )
    return found


def oversight_table(summaries: Sequence[OversightSummary], ceiling: Estimate) -> DataTable:
    """Tabulate final returns, peaks, and the highest mean return at one moment."""
    seeds = summaries[0].final.n
    several = f"over {seeds} seeds; " if seeds > 1 else ""
    return DataTable(
        title=f"average stepwise true return, {several}ceiling {ceiling.value:.3f}",
        caption="95 % intervals over seeds; the peaks are chosen by the true return, which nobody "
        "has while training",
        form=".3f",
        rows=[
            {
                "experiment": one.experiment,
                "player": one.player,
                "final": one.final,
                "each seed's peak": one.peak,
                "peak of the mean": one.peak_of_mean,
                "at steps": one.peak_steps,
            }
            for one in summaries
        ],
    )


def oversight_figure(runs: Mapping[str, Sequence[OversightReturns]], ceiling: float) -> Figure:
    """Draw on the left the experts of networks that have them, on the right the deployed agents.

    Args:
        runs: Seeds of each experiment, by its name.
        ceiling: Return of the best possible agent, drawn as a line.
    """
    figure, (left, right) = new_row(2, 10, 3.9, sharey=True)
    for experiment, seeds in runs.items():
        with_experts, not_routed = _EXPERT in seeds[0].players, experiment in _NOT_ROUTED
        if with_experts and experiment != "unlabelled":
            for player, colour in _COLOURS.items():
                style = ":" if not_routed else "-"
                _draw(left, seeds, player, colour, f"{experiment}: {player}", style)
        if experiment != "unrouted":
            deployed = _EXPERT if with_experts and not not_routed else WHOLE
            label = experiment if deployed == WHOLE else f"{experiment}: {deployed}"
            _draw(right, seeds, deployed, _OF_EXPERIMENT.get(experiment, INK), label, "-")
    for ax, title in ((left, "experts of one network"), (right, "beside the baselines")):
        ax.axhline(ceiling, color="#999999", linewidth=0.8, linestyle="--", zorder=0)
        ax.axhline(0, color="#dddddd", linewidth=0.8, zorder=0)
        style_axes(ax, title, xlabel="environment steps", steps=True)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(fontsize=7.5, frameon=False)
    left.set_ylabel("average stepwise true return", fontsize=9)
    n = " or ".join(map(str, sorted({len(seeds) for seeds in runs.values()})))
    explain(figure, f"means over n = {n} seeds; bands: 95 % intervals over seeds (Student's t)")
    return figure


def _draw(
    ax: Any, seeds: Sequence[OversightReturns], player: str, colour: str, label: str, style: str
) -> None:
    curves = [seed.players[player] for seed in seeds]
    line: dict[str, Any] = {"color": colour, "linestyle": style, "label": label}
    plot_band(ax, seeds[0].env_steps, curves, within=RETURNS, **line)
