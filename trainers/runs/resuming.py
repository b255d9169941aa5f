"""Check that a run can go on from a checkpoint, before any file changes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chisel import configs, models
from chisel.configs import CheckpointError, ChiselError, ConfigError, RunConfig, as_typed

RESUMABLE = ("frames", "trainer", "tracking")
"""Parts of a config that may change when a run is resumed."""
_PLACE = ("experiment", "name", "runs_dir")
"""Parts of a config that say where a run's folder is; they don't change what is trained."""
_NEEDED = {"iteration": int, "env_steps": int, "ranks": list, "config": dict}
"""Keys that every resumable checkpoint has, with their types; algorithms add their own."""


def check_overrides(old: RunConfig, new: RunConfig, folder: Path) -> None:
    """Refuse overrides that would change what is trained.

    Args:
        old: The run's config.
        new: The config with the overrides.
        folder: The run's folder, for the message.

    Raises:
        ConfigError: For the first such override; the message says how to start a new run with it.
    """
    before, after = configs.flatten(configs.to_plain(old)), configs.flatten(configs.to_plain(new))
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    for key in changed:
        if key.partition(".")[0] not in RESUMABLE:
            raise ConfigError(
                f"{key}: a resumed run keeps it; to train on under another one, start a new run "
                f"with `{_fork(folder, changed)}`"
            )


def read(path: Path, config: RunConfig, world: int) -> dict[str, Any]:
    """Read a checkpoint from which a run is to be resumed.

    Args:
        path: The checkpoint, in the folder `checkpoints` of its run.
        config: The run's config in its folder.
        world: Number of processes of the resumed run.

    Returns:
        The content of the checkpoint.

    Raises:
        CheckpointError: If the file is damaged, or was written by version 0.1 or by another number
            of processes.
        ConfigError: If the run's config.yaml was edited, so that it would train something else.
    """
    payload = models.read_checkpoint(path)
    saved, state = models.saved_in(payload, path), payload["chisel"]
    if state["format"] != models.FORMAT:
        raise CheckpointError(
            f"{path} was saved by version 0.1: resume the run with version 0.1, or start a new one "
            f"from its weights with `{_fork(path.parents[1], {})}`"
        )
    for key, kind in _NEEDED.items():
        if not isinstance(state.get(key), kind):
            raise CheckpointError(f"{path} can't be resumed: it has no {key!r}")
    if len(state["ranks"]) != world:
        raise CheckpointError(
            f"the checkpoint was saved by {len(state['ranks'])} processes and can't go on with "
            f"{world}; resume with as many, or start a new run with init_from="
        )
    before, after = (configs.flatten(configs.to_plain(one)) for one in (saved.config, config))
    for key in {**before, **after}:
        if key.partition(".")[0] not in (*RESUMABLE, *_PLACE) and before.get(key) != after.get(key):
            raise ConfigError(
                f"{key} is {_typed(after.get(key))} in config.yaml, but {path.name} was trained "
                f"with {_typed(before.get(key))}: put that back to go on, or start a new run with "
                "init_from="
            )
    return payload


def planned_otherwise(config: RunConfig, state: Mapping[str, Any]) -> str | None:
    """Return a line with the options in which config.yaml differs from the checkpoint, or None.

    They differ after an edit, and after a resume that ended before its first checkpoint.
    """
    before, after = configs.flatten(state["config"]), configs.flatten(configs.to_plain(config))
    changed = [
        f"{key} = {_typed(after[key])} (was {_typed(before.get(key))})"
        for key in after
        if key.partition(".")[0] in RESUMABLE and before.get(key) != after[key]
    ]
    return f"going on as config.yaml says: {', '.join(changed)}" if changed else None


def rehearse(module: Any, payload: dict[str, Any], path: Path, rank: int) -> None:
    """Restore a checkpoint once before training, to find out whether it fits.

    Args:
        module: The Lightning module, just built. A module without `restore`, from another package,
            is not checked.
        payload: Content of the checkpoint.
        path: File that it was read from, for messages.
        rank: Number of this process.

    Raises:
        CheckpointError: If something in the checkpoint doesn't fit.
    """
    if not hasattr(module, "restore"):
        return
    weights = {k.removeprefix("model."): v for k, v in payload["state_dict"].items()}
    models.load_weights(module.model, weights, path)
    try:
        (moments,) = payload["optimizer_states"]
        module.configure_optimizers().load_state_dict(moments)
        module.restore(payload["chisel"], rank)
    except ChiselError:
        raise
    except Exception as error:  # missing or misshapen state can raise any exception
        reason = (str(error).splitlines() or [""])[0]
        raise CheckpointError(
            f"{path} doesn't fit this run: {type(error).__name__}: {reason}"
        ) from error


def _fork(folder: Path, changed: Mapping[str, Any]) -> str:
    """Return a command that starts a new run with this one's settings, weights and some changes.

    If the network changes, the weights are left out: they would not fit.
    """
    settings: dict[str, Any] = {"name": None}
    if not any(key.startswith("model.") for key in changed):
        settings["init_from"] = str(folder)
    typed = [f"{key}={_typed(value)}" for key, value in {**settings, **changed}.items()]
    return shlex.join(["chisel", "train", str(folder / models.CONFIG_FILE), *typed])


def _typed(value: Any) -> str:
    """Return a value of a config as text for the command line."""
    return f"[{as_typed(value)}]" if isinstance(value, list) else as_typed(value)
