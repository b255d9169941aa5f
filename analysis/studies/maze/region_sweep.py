"""The study `region-sweep`: agents trained with the cheese in different regions, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from rich.table import Table

from chisel.analysis.maze.behaviour import (
    ENDS,
    GAP,
    OFF,
    ON,
    PUBLISHED,
    RegionAgent,
    RegionSweep,
    largest_region,
    measure_agent,
    name_of,
    regions_figure,
    require_alike,
    setting_of,
    text,
)
from chisel.analysis.results import (
    Request,
    Tree,
    keep_tables,
    labelled,
    leaves,
    maze_run,
    new_table,
    progress_bars,
    runs_of,
    save_figure,
    take_agent,
    to_plain,
    write_json,
)
from chisel.configs import ConfigError

STUDY = "region-sweep"


def run(
    *,
    checkpoint: Path | str,
    levels: int = 500,
    split: Literal["all", "train", "validation", "test"] = "test",
    seed: int = 1000,
    out: Path | str | None = None,
) -> Path:
    """Compare agents that were trained with the cheese in different regions.

    All play the same mazes: with the cheese as in their own training, with it anywhere, and levels
    with a decision square whose cheese lies outside the largest region that any of them was trained
    with. Agents of one region count as its seeds.

    Args:
        checkpoint: Runs, checkpoints, folders of seeds or shipped folders, separated by commas.
        levels: Number of held-out mazes of each kind.
        split: Split that the layouts come from.
        seed: Seed of levels, sampled actions and everything else that is drawn.
        out: Folder for the results; None is one for these agents in
            `studies/region-sweep` of the current folder.

    Returns:
        The folder, with `region-sweep.json`, `region-sweep.png` and `tables.json`.

    Raises:
        ConfigError: If the environments of the agents differ in more than the cheese's place, or
            there are too few levels.
        CheckpointError: If there is no agent.
    """
    asked = Request.of(STUDY, run, locals())
    if levels < 1:
        raise ConfigError(f"levels={levels}: must be at least 1")
    paths = [path for part in str(checkpoint).split(",") for path in runs_of(part)]
    labels = ["/".join(path.parts[-2:]) for path in paths]
    agents = [take_agent(path, env=None) for path in paths]
    if len({agent.digest for agent in agents}) < len(agents):
        raise ConfigError(f"checkpoint={checkpoint}: the same weights are given twice")
    configs = [maze_run(agent, [f"eval.seed={seed}", f"eval.split={split}"]) for agent in agents]
    require_alike(labels, [config.env for config in configs])
    beyond = largest_region([config.env for config in configs])
    found = []
    with progress_bars() as progress:
        for label, agent, config in zip(labels, agents, configs, strict=True):
            own_progress = labelled(progress, label)
            tree = measure_agent(
                agent, config, beyond=beyond, levels=levels, split=split, progress=own_progress
            )
            found.append(RegionAgent(label, setting_of(config.env), tree))
    origins = [
        asked.provenance(agent, config, seed=seed)
        for agent, config in zip(agents, configs, strict=True)
    ]
    title = f"Trained with the cheese in different regions, {split} layouts"
    with asked.results(asked.folder(*agents)) as folder:
        _write(folder, RegionSweep(tuple(found)), origins, beyond, title)
    return folder


def _write(
    folder: Path, sweep: RegionSweep, origins: Sequence[dict[str, Any]], beyond: int, title: str
) -> None:
    data = {
        "intervals": "95 %: of a lone agent over layouts, of several over training seeds",
        "decision_levels": f"cheese outside the top-right {beyond}×{beyond}",
        "settings": {
            name_of(setting): {
                "agents": [one.label for one in sweep.of(setting)],
                "estimates": to_plain(sweep.joined(setting)),
            }
            for setting in sweep.settings
        },
        "of_each": [
            {"agent": one.label, "trained": name_of(one.setting), "estimates": to_plain(one.tree)}
            for one in sweep.agents
        ],
        "runs": list(origins),
    }
    write_json(folder / f"{STUDY}.json", data)
    save_figure(regions_figure(sweep, title), folder / f"{STUDY}.png", origins[0]["command"])
    tables = [_success_table(sweep), _decision_table(sweep, beyond), _regression_table(sweep)]
    keep_tables(folder, tables)


def _rows(sweep: RegionSweep) -> list[tuple[str, str, Tree]]:
    """Return rows of the tables: each setting with its mean over seeds, then its seeds.

    A row has the setting's name, whose measures they are, and the measures.
    """
    rows = []
    for setting in sweep.settings:
        seeds = sweep.of(setting)
        whose = seeds[0].label if len(seeds) == 1 else f"{len(seeds)} seeds"
        rows.append((name_of(setting), whose, sweep.joined(setting)))
        if len(seeds) > 1:
            rows += [("", one.label, one.tree) for one in seeds]
    return rows


def _success_table(sweep: RegionSweep) -> Table:
    caption = (
        "efficient: within twice the shortest path. 95 % intervals over layouts, or of several "
    )
    heads = ("as trained", "anywhere", "lost", "efficient, as trained", "efficient, anywhere")
    title = "All levels, by where the cheese was in training"
    table = _table(title, caption + "seeds over these", heads)
    for setting, whose, tree in _rows(sweep):
        success, quick = leaves(tree, "success"), leaves(tree, "efficient")
        cells = [success[ON], success[OFF], success.get(GAP), quick[ON], quick[OFF]]
        table.add_row(setting, whose, *("-" if one is None else text(one, 2) for one in cells))
    return table


def _decision_table(sweep: RegionSweep, beyond: int) -> Table:
    caption = (
        f"the cheese outside the top-right {beyond}×{beyond}; how episodes go, and (at) the "
        "policy's move on that square. 95 % intervals over layouts, or of several seeds over these"
    )
    heads = (*ENDS, *(f"at: {end}" for end in ENDS[:2]))
    table = _table("Levels with a decision square", caption, heads)
    for setting, whose, tree in _rows(sweep):
        cells = [leaves(tree, "episodes")[end] for end in ENDS]
        cells += [leaves(tree, "square")[end] for end in ENDS[:2]]
        table.add_row(setting, whose, *(text(one, 2) for one in cells))
    return table


def _regression_table(sweep: RegionSweep) -> Table:
    caption = (
        "log-odds of the cheese for one standard deviation, L1, C = 1; gains over the base rate on "
        "unseen layouts. -: nearly all episodes end alike"
    )
    names = [name.replace("_", " ") for name in PUBLISHED]
    heads = (*names, "log-loss gain", "accuracy gain")
    table = _table("What decides, on levels with a decision square", caption, heads)
    for setting, whose, tree in _rows(sweep):
        if "coefficients" not in tree or "validation" not in tree:
            table.add_row(setting, whose, *["-"] * (len(PUBLISHED) + 2))
            continue
        line, predicted = leaves(tree, "coefficients"), leaves(tree, "validation")
        cells = [line[name] for name in PUBLISHED]
        cells += [predicted["log_loss_gain"], predicted["accuracy_gain"]]
        table.add_row(setting, whose, *(text(one, 2) for one in cells))
    return table


def _table(title: str, caption: str, heads: Sequence[str]) -> Table:
    return new_table(title, caption, words=("trained with", "agent"), numbers=heads)
