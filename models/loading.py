"""Load networks from runs, checkpoints, shipped folders and published weights."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import nn

from chisel import configs
from chisel.configs import CheckpointError, ConfigError, RunConfig
from chisel.models.build import build
from chisel.models.loaded import WEIGHTS, Agent, Loaded, as_agent
from chisel.models.published import load_published, model_of_weights
from chisel.models.serialize import (
    CHECKPOINTS,
    file_digest,
    latest_valid,
    read_checkpoint,
    write_atomically,
)
from chisel.models.spaces import Spaces
from chisel.models.weights import load_weights

FORMAT = 2
"""Version of the format of `agent.json` and of the `chisel` part of checkpoints."""
_READABLE = (1, FORMAT)
"""Formats that can be loaded. Format 1 is version 0.1's; its config is converted."""

CONFIG_FILE = "config.yaml"
"""File in the folder of a run or of a shipped agent that holds its config."""
ABOUT = "agent.json"
GROUP_FILE = "group.json"
"""File with the configs of all runs, in the folder of a grid or of several seeds."""
_PREFIX = "model."


def load(
    path: Path | str,
    *,
    experiment_env: str | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Loaded[nn.Module]:
    """Load a trained network in evaluation mode, on the CPU.

    Args:
        path: A run's folder (its newest valid checkpoint is loaded), a `.ckpt` file, a folder that
            `save_agent` wrote or its weights, the name of a shipped agent (`agents:maze-quick`), or
            a published `.pth` file.
        experiment_env: Experiment whose environment published weights play in; their files hold no
            config.
        warn: Called with one line for each damaged checkpoint that is skipped.

    Raises:
        CheckpointError: If no network can be loaded from `path`.
        ConfigError: If `experiment_env` is given for anything but published weights.
    """
    path = configs.agent_path(path)
    if path.suffix == ".pth":
        return _published(path, experiment_env)
    if experiment_env is not None:
        raise ConfigError(f"env={experiment_env} is for published .pth files; {path} has a config")
    if path.name == WEIGHTS and path.is_file():
        path = path.parent
    if (path / WEIGHTS).is_file():
        file, saved = path / WEIGHTS, _read_shipped(path)
    else:
        file = find_checkpoint(path, warn)
        saved = saved_in(read_checkpoint(file), file)
    model = build(saved.config.model, saved.spaces, nn.Module).eval()
    load_weights(model, saved.weights, file)
    return Loaded(
        model,
        saved.spaces,
        config=saved.config,
        digest=file_digest(file),
        env_steps=saved.steps,
        source=file,
        regions=saved.regions,
        ancestors=saved.ancestors,
    )


def load_agent(
    path: Path | str,
    *,
    experiment_env: str | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Agent:
    """Load a network that has a policy; see `load`.

    Raises:
        CheckpointError: If no network can be loaded from `path`, or it has no policy.
        ConfigError: If `experiment_env` is given for anything but published weights.
    """
    return as_agent(load(path, experiment_env=experiment_env, warn=warn))


def holds_agent(path: Path) -> bool:
    """Return whether a folder is a single run, or holds a single agent's shipped weights."""
    return (path / CHECKPOINTS).is_dir() or (path / WEIGHTS).is_file()


def find_checkpoint(path: Path, warn: Callable[[str], None]) -> Path:
    """Return the newest valid checkpoint of a run's folder, or of a folder of checkpoints.

    Args:
        path: The folder; the path of a file is returned as it is.
        warn: Called with one line for each damaged checkpoint that is skipped.

    Raises:
        CheckpointError: If the folder is missing, is a group of runs, or has no valid checkpoint.
    """
    path = configs.agent_path(path)
    if not path.exists():
        raise CheckpointError(f"there is no {path}")
    if path.is_file():
        return path
    if (path / CHECKPOINTS).is_dir():
        return latest_valid(path / CHECKPOINTS, warn)
    runs = [one.name for one in path.iterdir() if holds_agent(one) or any(one.glob("seed-*"))]
    runs += [one.name for one in path.glob("seed-*") if one.name not in runs]
    if runs:
        raise CheckpointError(f"{path} is a group of runs; add one: {', '.join(sorted(runs))}")
    return latest_valid(path, warn)


def save_agent(folder: Path | str, agent: Loaded[nn.Module]) -> Path:
    """Write a network as a shipped agent: `weights.safetensors`, `config.yaml` and `agent.json`.

    Returns:
        The folder.

    Raises:
        CheckpointError: If the agent has no config, or its weights do not fit the network that the
            config builds (for example after `torch.nn.utils.prune`, before its `remove`); nothing
            is written then. Also if the disk refuses.
    """
    folder = Path(folder)
    if agent.config is None:
        raise CheckpointError(f"{agent.source} has no config to ship; load it with env=EXPERIMENT")
    # Copy, because safetensors refuses tensors that share memory, as tied weights do. Every name is
    # kept, and the network that loads them ties them again.
    state = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in agent.model.state_dict().items()
    }
    built = build(agent.config.model, agent.spaces, nn.Module)
    load_weights(built, state, f"{agent.source}, changed after it was built,")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / WEIGHTS, safetensors.torch.save(state))
        about = {
            "format": FORMAT,
            "spaces": agent.spaces.to_plain(),
            "env_steps": agent.env_steps,
            "sha256": file_digest(folder / WEIGHTS),
            "made_from": agent.digest,
            "regions": agent.regions,
            "ancestors": None if agent.ancestors is None else list(agent.ancestors),
        }
        write_atomically(folder / CONFIG_FILE, configs.to_yaml(agent.config).encode())
        write_atomically(folder / ABOUT, (json.dumps(about, indent=2) + "\n").encode())
    except OSError as error:
        raise CheckpointError(f"cannot write {folder}: {error.strerror or error}") from error
    return folder


class Saved(NamedTuple):
    """A network as a checkpoint or a shipped folder holds it."""

    config: RunConfig
    spaces: Spaces
    weights: dict[str, torch.Tensor]
    steps: int | None
    """Environment steps or examples of training; None if the file does not say."""
    regions: Mapping[str, Any] | None
    """See `Loaded.regions`."""
    ancestors: tuple[str, ...] | None
    """See `Loaded.ancestors`."""


def saved_in(payload: Mapping[str, Any], path: Path) -> Saved:
    """Return the network in a checkpoint.

    Args:
        payload: Content of the checkpoint (`read_checkpoint`).
        path: File that it was read from, for messages.

    Raises:
        CheckpointError: If the checkpoint has another format, or holds no weights or no config.
    """
    about = payload.get("chisel")
    if not isinstance(about, dict) or about.get("format") not in _READABLE:
        found = about.get("format") if isinstance(about, dict) else "none"
        raise CheckpointError(f"{path} is not a checkpoint of format {FORMAT} (found {found})")
    state = payload.get("state_dict")
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} holds no weights")
    weights = {k.removeprefix(_PREFIX): v for k, v in state.items() if k.startswith(_PREFIX)}
    config, spaces = _config(about.get("config"), path), Spaces.from_plain(about.get("spaces", {}))
    routing = about.get("routing") or {}
    regions, ancestors = routing.get("regions") or None, ancestors_of(about, config)
    return Saved(config, spaces, weights, about.get("env_steps"), regions, ancestors)


def ancestors_of(about: Mapping[str, Any], config: RunConfig) -> tuple[str, ...] | None:
    """Return the splits that a saved agent's ancestors were trained on; see `Loaded.ancestors`.

    Files of early versions don't say. Then an agent has no ancestors if it started from no other
    run; otherwise they are unknown.

    Args:
        about: The `chisel` part of a checkpoint, or the content of `agent.json`.
        config: The agent's config.
    """
    found = about.get("ancestors", None if config.init_from else ())
    return None if found is None else tuple(found)


def _read_shipped(folder: Path) -> Saved:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        weights = safetensors.torch.load_file(folder / WEIGHTS)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"cannot read {folder}: {error}") from error
    if not isinstance(about, dict) or about.get("format") not in _READABLE:
        raise CheckpointError(f"{folder / ABOUT} is not of format {FORMAT}")
    if file_digest(folder / WEIGHTS) != about.get("sha256"):
        raise CheckpointError(f"{folder / WEIGHTS} is damaged: {ABOUT} has another digest")
    config = configs.load(str(folder / CONFIG_FILE))
    spaces = Spaces.from_plain(about.get("spaces", {}))
    ancestors = ancestors_of(about, config)
    return Saved(config, spaces, weights, about.get("env_steps"), about.get("regions"), ancestors)


def _published(path: Path, experiment_env: str | None) -> Agent:
    agent = load_published(path)
    if experiment_env is None:
        return agent
    model, _ = model_of_weights(agent.model.state_dict())
    return replace(agent, config=replace(configs.load(experiment_env), model=model))


def _config(plain: Any, source: Path) -> RunConfig:
    """Return a checkpoint's config; raise a `CheckpointError` if the schema refuses it."""
    if not isinstance(plain, dict):
        raise CheckpointError(f"{source} holds no config")
    try:
        return configs.from_plain(plain)
    except ConfigError as error:
        raise CheckpointError(f"{source} was made with another schema: {error}") from error
