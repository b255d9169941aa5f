"""The study `oversight`: train every agent of the gridworld and compare their true returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from chisel import configs
from chisel.analysis.evaluation import (
    OversightReturns,
    oversight_ceiling,
    oversight_figure,
    oversight_returns,
    oversight_table,
    summarise_oversight,
)
from chisel.analysis.results import Request, save_figure, show, write_json
from chisel.configs import RunConfig
from chisel.trainers.studies.runs import plan_runs, trained

STUDY = FOLDER = "oversight"
EXPERIMENTS = "routed,unrouted,naive,naive-early-stopped,filtered,oracle"


def run_study(
    *,
    seeds: str = "5,6,7,8,9",
    experiments: str = EXPERIMENTS,
    settings: str = "",
    boards: int = 1024,
    final_boards: int = 4096,
    runs_dir: str = "runs",
    out: Path | str | None = None,
) -> Path:
    """Train what is not trained yet, measure every checkpoint, and write tables and a figure.

    Args:
        seeds: Seeds of each experiment. Those that settings were chosen on are 0 to 4.
        experiments: Experiments of `oversight/…`, with commas between.
        settings: Overrides for all of them, separated by spaces.
        boards: Fresh boards per checkpoint and player.
        final_boards: The same for the last checkpoint.
        runs_dir: Where runs are, or will be: `RUNS_DIR/oversight/EXPERIMENT/seed-N`.
        out: Folder for the results; None is `RUNS_DIR/studies/oversight`.

    Returns:
        The folder, with `oversight.json` and `oversight.png`.

    Raises:
        ConfigError: An experiment or a seed is unknown, or a run of that name was trained with
            other settings.
    """
    request = Request.of(STUDY, run_study, locals())
    names = [name.strip() for name in experiments.split(",")]
    plans = {
        name: plan_runs(f"{FOLDER}/{name}", seeds, settings, runs_dir=runs_dir) for name in names
    }
    folder = request.folder(home=runs_dir, but=("runs_dir",))
    returns: dict[str, list[OversightReturns]] = {}
    for name, planned in plans.items():
        folders = [trained(config, option="runs_dir") for config in planned]
        returns[name] = [
            oversight_returns(folder, boards=boards, final_boards=final_boards)
            for folder in folders
        ]
    with request.results(folder):
        _write(folder, returns, plans, request.command, final_boards)
    return folder


def _write(
    folder: Path,
    returns: Mapping[str, Sequence[OversightReturns]],
    plans: Mapping[str, Sequence[RunConfig]],
    command: str,
    final_boards: int,
) -> None:
    first = next(iter(plans.values()))[0]
    ceiling = oversight_ceiling(first, boards=final_boards)
    summaries = [
        summary for name, runs in returns.items() for summary in summarise_oversight(name, runs)
    ]
    data = {
        "command": command,
        "ceiling": ceiling.to_plain(),
        "summaries": [summary.to_plain() for summary in summaries],
        "curves": {
            name: {
                str(plan.seed): one.to_plain() for plan, one in zip(plans[name], runs, strict=True)
            }
            for name, runs in returns.items()
        },
        "configs": {name: configs.to_plain(planned[0]) for name, planned in plans.items()},
    }
    write_json(folder / "oversight.json", data)
    figure = oversight_figure(returns, ceiling.value)
    save_figure(figure, folder / "oversight.png", command)
    show(oversight_table(summaries, ceiling, len(next(iter(plans.values())))))
