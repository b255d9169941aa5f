"""The study `oversight`: trains every agent of the gridworld and compares their true returns."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import analysis
import configs
import models
from analysis import OversightReturns
from configs import ConfigError, RunConfig
from trainers import groups, run

FOLDER = "oversight"
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
        experiments: Which of `oversight/…`.
        settings: Overrides for all of them, separated by spaces.
        boards: Fresh boards per checkpoint and player.
        final_boards: The same for the last checkpoint.
        runs_dir: Where runs are, or will be: `RUNS_DIR/oversight/EXPERIMENT/seed-N`.
        out: Folder for the results; None is `studies/oversight` there.

    Returns:
        The folder, with `oversight.json` and `oversight.png`.

    Raises:
        ConfigError: An experiment or a seed is unknown.
    """
    names = [name.strip() for name in experiments.split(",")]
    plans = {name: _plans(name, seeds, settings, runs_dir) for name in names}
    returns: dict[str, list[OversightReturns]] = {}
    for name, planned in plans.items():
        folders = [_trained(config) for config in planned]
        returns[name] = [
            analysis.oversight_returns(folder, boards=boards, final_boards=final_boards)
            for folder in folders
        ]
    given = {"seeds": seeds, "experiments": experiments, "settings": settings, "boards": boards}
    words = [f"{key}={value}" for key, value in given.items() if value]
    command = shlex.join(["chisel", "study", "oversight", *words])
    folder = Path(out) if out is not None else Path(runs_dir) / "studies" / "oversight"
    return _write(folder, returns, plans, command, final_boards)


def _plans(name: str, seeds: str, settings: str, runs_dir: str) -> list[RunConfig]:
    if not seeds.replace(",", "").replace(" ", "").isdigit():
        raise ConfigError(f"seeds={seeds}: whole numbers, like 5,6,7")
    fixed = [f"runs_dir={runs_dir}", "tracking.mode=disabled", *shlex.split(settings)]
    return [
        configs.load(f"{FOLDER}/{name}", [*fixed, f"seed={int(seed)}", f"name=seed-{int(seed)}"])
        for seed in seeds.split(",")
    ]


def _trained(config: RunConfig) -> Path:
    """The folder of a finished run: trained, resumed, or found as it is."""
    folder = Path(config.runs_dir) / config.experiment / str(config.name)
    if not folder.is_dir():
        return run.train(config)
    agent = models.load_agent(folder)
    per_iteration = config.algo.num_steps * config.env.num_envs
    if (agent.env_steps or 0) < config.frames // per_iteration * per_iteration:
        groups.resume(folder)
    return folder


def _write(
    folder: Path,
    returns: Mapping[str, Sequence[OversightReturns]],
    plans: Mapping[str, Sequence[RunConfig]],
    command: str,
    final_boards: int,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    first = next(iter(plans.values()))[0]
    ceiling = analysis.oversight_ceiling(first, boards=final_boards)
    summaries = [
        summary
        for name, runs in returns.items()
        for summary in analysis.summarise_oversight(name, runs)
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
    analysis.write_json(folder / "oversight.json", data)
    figure = analysis.oversight_figure(returns, ceiling.value)
    analysis.save_figure(figure, folder / "oversight.png", command)
    analysis.show(analysis.oversight_table(summaries, ceiling, len(next(iter(plans.values())))))
    return folder
