"""A run's logs: always CSV files, and Weights & Biases (W&B) if the config asks for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chisel import configs
from chisel.analysis.results import save_figure, write_gif
from chisel.configs import RunConfig
from chisel.trainers.logging.csv_log import FIRST_COLUMNS, CsvLog
from chisel.trainers.logging.wandb_environment import id_in_group
from chisel.trainers.logging.wandb_parts import has_unsent, sync_command
from chisel.trainers.runs import rundir
from chisel.trainers.runs.versions import git_commit, versions

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger
    from matplotlib.figure import Figure

    from chisel.trainers.logging.wandb_run import IterationLogger

Warn = Callable[[str], None]


def make_loggers(
    config: RunConfig,
    run_dir: Path,
    *,
    wandb_run_id: str | None = None,
    last_iteration: int = 0,
    warn: Warn = warnings.warn,
) -> Tracking:
    """Open a run's logs; call it on the first process only.

    Args:
        config: The run's config.
        run_dir: The run's folder, for `metrics.csv`, `studies.csv`, `media/` and `wandb/`.
        wandb_run_id: Id of the W&B run to go on with, from the checkpoint; `None` for a new one.
        last_iteration: Iteration of the checkpoint; 0 for a new run.
        warn: Called with a line for each failure of W&B.
    """
    csv = CsvLog(run_dir / "metrics.csv", last_iteration=last_iteration)
    studies = CsvLog(run_dir / "studies.csv", last_iteration=last_iteration)
    if csv.reached < last_iteration:
        held = f"ends at iteration {csv.reached}" if csv.reached else "is gone"
        warn(
            f"{csv.path} {held}, but the checkpoint is of iteration {last_iteration}: the rows in "
            "between are lost, and the log goes on without them"
        )
    run = None
    if config.tracking.mode != "disabled":
        run = _start_wandb(config, run_dir, wandb_run_id, csv.reached, warn)
    return Tracking(run_dir, csv, studies, run, config.tracking.log_artifacts, warn)


def _start_wandb(
    config: RunConfig, run_dir: Path, run_id: str | None, reached: int, warn: Warn
) -> IterationLogger | None:
    from chisel.trainers.logging.wandb_run import start_wandb

    group = rundir.group_of(run_dir)
    place = run_dir.relative_to(group) if group else Path(run_dir.name)
    tracking = config.tracking
    online = tracking.mode == "online"
    if online and run_id is not None and has_unsent(run_dir, run_id):
        warn(
            "W&B: rows that were logged offline must be sent before new ones. Going on offline; "
            f"upload all of them with `{sync_command(run_dir)}`"
        )
        online = False
    return start_wandb(
        "online" if online else "offline",
        warn,
        run_id=run_id or (id_in_group(place) if group else None),
        first_iteration=0 if run_id is None else reached + 1,
        dir=str(run_dir),
        project=tracking.project,
        entity=tracking.entity,
        name=f"{group.name}/{place.as_posix()}" if group else run_dir.name,
        group=tracking.group or (group.name if group else None),
        tags=tracking.tags,
        config=configs.to_plain(config) | {"versions": versions(), "git": git_commit()},
    )


class Tracking:
    """The logs of a run. Errors of W&B lead to one warning and are never raised.

    Args:
        run_dir: The run's folder.
        csv: CSV file of the metrics.
        studies: CSV file of studies while training, which is made with its first row.
        run: The W&B run, if any.
        log_artifacts: Whether checkpoints are logged to W&B as artifacts.
        warn: Called with one line after the first error of W&B.
    """

    def __init__(
        self,
        run_dir: Path,
        csv: CsvLog,
        studies: CsvLog,
        run: IterationLogger | None,
        log_artifacts: bool,
        warn: Warn,
    ) -> None:
        self.media = run_dir / "media"
        self._csv, self._studies, self._run, self._warn = csv, studies, run, warn
        self._log_artifacts = log_artifacts
        self._warned = False

    @property
    def loggers(self) -> list[Logger]:
        """Loggers for `lightning.Trainer`; metrics of other callbacks join the iteration's row."""
        return [] if self._run is None else [self._run]

    @property
    def run_id(self) -> str | None:
        """Id of the W&B run, which checkpoints keep; `None` without W&B."""
        return None if self._run is None else str(self._run.experiment.id)

    def begin(self) -> None:
        """Remove rows that a resumed run is going to repeat; send W&B the rows that it lacks."""
        self._csv.truncate()
        self._studies.truncate()
        if self._run is None:
            return
        for row in sorted([*self._csv.rows(), *self._studies.rows()], key=lambda r: r["iteration"]):
            counts = {name: int(row[name]) for name in FIRST_COLUMNS}
            self._send(partial(dict, row | counts), counts["iteration"])

    def log(self, metrics: Mapping[str, float], iteration: int, env_steps: int) -> None:
        """Log the metrics of a finished iteration."""
        self._csv.write(metrics, iteration, env_steps)
        self._send(lambda: {**metrics, "iteration": iteration, "env_steps": env_steps}, iteration)

    def log_studies(self, values: Mapping[str, float], iteration: int, env_steps: int) -> None:
        """Log measurements of studies after an iteration that has been logged."""
        self._studies.write(values, iteration, env_steps)
        self._send(lambda: dict(values), iteration)

    def log_figure(self, name: str, figure: Figure, iteration: int) -> None:
        """Write a matplotlib figure as PNG into `media/`, and log it."""
        path = self._media_path(name, iteration, "png")
        made_by = f"{self.media.parent.name}, iteration {iteration}"
        save_figure(figure, path, made_by, paper=False)
        self._send(lambda: {f"media/{name}": _wandb().Image(str(path))}, iteration)

    def log_video(
        self, name: str, frames: NDArray[np.uint8], iteration: int, *, fps: int = 15
    ) -> None:
        """Write frames `[T, H, W, 3]` as an animated GIF into `media/`, and log it."""
        path = self._media_path(name, iteration, "gif")
        write_gif(path, frames, fps)
        self._send(lambda: {f"media/{name}": _wandb().Video(str(path), format="gif")}, iteration)

    def checkpoint_saved(self, path: Path) -> None:
        """Log a checkpoint as the next version of the run's artifact, if `log_artifacts` is true.

        W&B keeps its own copy, so an offline run can be synced after the checkpoint was deleted.
        """
        if not self._log_artifacts:
            return

        def upload(run: IterationLogger) -> None:
            artifact = _wandb().Artifact(f"run-{run.experiment.id}", type="model")
            artifact.add_file(str(path))
            run.experiment.log_artifact(artifact, aliases=["latest", path.stem])

        self._attempt(upload)

    def failed(self, error: BaseException) -> None:
        """End the W&B run as failed and send an alert, unless the run was only stopped."""
        if not isinstance(error, Exception):
            return
        title = f"{type(error).__name__} in {self.media.parent.name}"
        self._attempt(lambda run: run.experiment.alert(title, str(error)[:500], level="ERROR"))
        self.finish(failed=True)

    def finish(self, *, failed: bool = False) -> None:
        """End the W&B run; wait at most a minute for uploads. Later calls do nothing."""
        self._attempt(lambda run: run.end(int(failed)))
        self._run = None

    def _send(self, values: Callable[[], dict[str, Any]], iteration: int) -> None:
        def send(run: IterationLogger) -> None:
            run.iteration = iteration
            run.log_metrics(values())

        self._attempt(send)

    def _attempt(self, act: Callable[[IterationLogger], None]) -> None:
        """Call a function with the W&B run; warn of the first exception, and ignore later ones."""
        if self._run is None:
            return
        try:
            act(self._run)
        except Exception as error:  # an error in a log must not end the run
            if not self._warned:
                reason = str(error) or type(error).__name__
                self._warn(f"W&B: {reason}; further failures are not reported")
            self._warned = True

    def _media_path(self, name: str, iteration: int, suffix: str) -> Path:
        self.media.mkdir(exist_ok=True)
        return self.media / f"{name}-{iteration:08d}.{suffix}"


def _wandb() -> Any:
    import wandb

    return wandb
