"""Show the progress of a run: a bar on a terminal, or a line now and then in a log file."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from chisel.configs import GridworldConfig, LanguageConfig, RunConfig
from chisel.envs.gridworlds import find_world

LINE_SECONDS = 30.0
LINE_SHARE = 0.1
"""Seconds, and share of the frames, after which a line is printed if there is no terminal."""
WIDE = 100
"""Columns of a terminal from which on the bar also shows percentage and phase."""
SMOOTHING = 0.3
"""Weight of the newest iteration in the average speed, from which the remaining time follows."""

_OF_AGENTS = (("return", "charts/episodic_return", ".2f"), ("success", "charts/success", ".0%"))
_OF_HALVES = (("error", "losses/reconstruction", ".3f"), ("split", "split/first", ".2f"))
"""Metrics shown of an autoencoder's iteration: word, metric, format."""
_OF_LANGUAGE = (("loss", "losses/next_token", ".3f"), ("above", "eval/above_entropy", ".3f"))


def metrics_shown(config: RunConfig) -> Sequence[tuple[str, str, str]]:
    """Return the metrics that are shown of a run's iteration: word, metric, format."""
    if config.corpus is None:
        return _OF_AGENTS
    return _OF_LANGUAGE if isinstance(config.algo, LanguageConfig) else _OF_HALVES


class TrainingProgress(Callback):
    """Shows metrics, speed and remaining time of a run, in its first process only.

    The module must have `num_iterations`, `frames_per_iteration`, `env_steps` and `metrics()`.

    Args:
        config: The run's config.
        console: Console to draw on; `None` is standard error.
    """

    def __init__(self, config: RunConfig, console: Console | None = None) -> None:
        self.title = config.experiment or "training"
        self.shown = metrics_shown(config)
        self.first_shown = _frames_of_longest_episodes(config)
        self.max_minutes = config.trainer.max_minutes
        self.console = console or Console(stderr=True)
        self.frames, self.speed = 0, math.nan
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Start the bar; for a resumed run, at its present number of frames."""
        self.frames = pl_module.num_iterations * pl_module.frames_per_iteration
        self._started = self._last = self._printed = time.monotonic()
        self._printed_share = self._share(pl_module.env_steps)
        if self.console.is_terminal:
            self._bar = _bar(self.console, [word for word, _, _ in self.shown])
            self._task = self._bar.add_task(
                escape(self.title),
                total=self.frames,
                completed=pl_module.env_steps,
                facts=self._facts({}, pl_module.env_steps, self._started),
                phase="rollout",
            )
            self._bar.start()
        else:
            self._print(self._facts({}, pl_module.env_steps, self._started), pl_module.env_steps)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, *_: Any, **__: Any) -> None:
        """Show the progress within an iteration, which can take minutes."""
        if self._bar is not None:
            done = (trainer.fit_loop.epoch_loop.batch_idx + 1) / trainer.num_training_batches
            self._bar.update(self._task, phase=f"update {done:4.0%}")

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Show the finished iteration."""
        now = time.monotonic()
        newest = pl_module.frames_per_iteration / max(now - self._last, 1e-9)
        known = not math.isnan(self.speed)
        self.speed = SMOOTHING * newest + (1 - SMOOTHING) * self.speed if known else newest
        self._last = now
        facts = self._facts(pl_module.metrics(), pl_module.env_steps, now)
        if self._bar is not None:
            self._bar.update(
                self._task, completed=pl_module.env_steps, phase="rollout", facts=facts
            )
        else:
            self._print_if_due(facts, pl_module.env_steps, now)

    def _facts(self, metrics: Mapping[str, float], env_steps: int, now: float) -> dict[str, str]:
        shown = metrics if env_steps >= self.first_shown else {}
        facts = {
            word: number_text(shown.get(key, math.nan), form) for word, key, form in self.shown
        }
        return facts | {
            "frames": f"{short_count(env_steps)}/{short_count(self.frames)}",
            "speed": number_text(self.speed, ",.0f"),
            "left": _clock(self._seconds_left(env_steps, now)),
        }

    def _seconds_left(self, env_steps: int, now: float) -> float:
        left = max(self.frames - env_steps, 0) / self.speed
        if self.max_minutes is not None:
            left = min(left, max(self.max_minutes * 60 - (now - self._started), 0))
        return left

    def _share(self, env_steps: int) -> float:
        return env_steps / max(self.frames, 1)

    def _print_if_due(self, facts: dict[str, str], env_steps: int, now: float) -> None:
        share = self._share(env_steps)
        far = math.floor(share / LINE_SHARE) > math.floor(self._printed_share / LINE_SHARE)
        if not far and now - self._printed < LINE_SECONDS:
            return
        self._printed, self._printed_share = now, share
        self._print(facts, env_steps)

    def _print(self, facts: dict[str, str], env_steps: int) -> None:
        share = self._share(env_steps)
        news = "".join(f"{word} {facts[word]}  " for word, _, _ in self.shown)
        line = (
            f"{self.title}  {env_steps:,}/{self.frames:,} frames ({share:.0%})  {news}"
            f"{facts['speed']} frames/s  {facts['left']} left"
        )
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def on_exception(self, trainer: L.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Remove the bar before the error is printed."""
        self._stop()

    def on_train_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Show the last state, and leave it on the screen."""
        if self._bar is not None:
            self._bar.update(self._task, phase="done")
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _frames_of_longest_episodes(config: RunConfig) -> int:
    """Return the number of frames after which even the longest episodes can have ended.

    Before that only short episodes have ended, most of them with success, so that the mean success
    would start at 100 %. It is 0 if no limit of episodes is known.
    """
    env = config.env
    limit = getattr(env, "timeout", None) or getattr(env, "max_steps", None)
    if limit is None and isinstance(env, GridworldConfig):
        limit = find_world(env.world).max_steps
    return (limit or 0) * getattr(env, "num_envs", 0)


def _bar(console: Console, words: Sequence[str]) -> Progress:
    columns: list[Any] = [
        SpinnerColumn(finished_text="✓"),
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("[progress.download]{task.fields[facts][frames]}"),
        *(
            TextColumn(f"[dim]{word}[/] [{colour}]{{task.fields[facts][{word}]}}")
            for word, colour in zip(words, ("cyan", "green"), strict=True)
        ),
        TextColumn("{task.fields[facts][speed]} [dim]frames/s"),
        TextColumn("[yellow]{task.fields[facts][left]}[/] [dim]left"),
    ]
    if console.width >= WIDE:
        columns.insert(3, TextColumn("{task.percentage:>3.0f}%"))
        columns.append(TextColumn("[dim]{task.fields[phase]:<11}"))
    return Progress(*columns, console=console, refresh_per_second=2, expand=True)


def number_text(value: float, form: str) -> str:
    """Format a number; NaN becomes a dash."""
    return "–" if math.isnan(value) else format(value, form)


def short_count(count: float) -> str:
    """Format a count in up to four characters: 950, 12k, 1.2M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            text = f"{count / size:.1f}" if count < 10 * size else f"{count / size:.0f}"
            return text.removesuffix(".0") + unit
    return f"{count:.0f}"


def _clock(seconds: float) -> str:
    """Format seconds as m:ss or h:mm:ss."""
    if math.isnan(seconds):
        return "–:––"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
