"""The progress display, drawn into a string."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from chisel import configs
from chisel.configs import RunConfig, TrainerConfig
from chisel.envs.gridworlds import WORLDS
from chisel.trainers.logging import progress
from chisel.trainers.logging.progress import TrainingProgress

STEPS = 1000


class Clock:
    """Time that passes only when a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def module(iterations: int = 20) -> Any:
    return SimpleNamespace(
        num_iterations=iterations,
        frames_per_iteration=STEPS,
        env_steps=0,
        metrics=lambda: {"charts/episodic_return": 6.12, "charts/success": 0.61},
    )


def trainer() -> Any:
    loop = SimpleNamespace(epoch_loop=SimpleNamespace(batch_idx=11))
    return SimpleNamespace(num_training_batches=24, fit_loop=loop)


def run(
    bar: TrainingProgress, algorithm: Any, clock: Clock, iterations: int, seconds: float
) -> None:
    for _ in range(iterations):
        clock.now += seconds
        algorithm.env_steps += STEPS
        bar.on_train_batch_end(trainer(), algorithm)
        bar.on_train_epoch_end(trainer(), algorithm)


def drawn(*, terminal: bool, width: int = 120, max_minutes: float | None = None) -> Any:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)
    config = RunConfig(experiment="maze/quick", trainer=TrainerConfig(max_minutes=max_minutes))
    return TrainingProgress(config, console), console.file


def last_line(text: str) -> str:
    return re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).strip())[-1]


def test_without_a_terminal_it_prints_a_line_at_the_start_and_for_every_tenth_of_the_frames(
    clock: Clock,
) -> None:
    bar, out = drawn(terminal=False)
    algorithm = module(iterations=100)
    bar.on_train_start(trainer(), algorithm)
    run(bar, algorithm, clock, iterations=100, seconds=0.5)
    bar.on_train_end(trainer(), algorithm)
    lines = out.getvalue().splitlines()
    assert len(lines) == 1 + 10
    assert "0/100,000 frames (0%)" in lines[0]
    assert lines[5].split("  ") == [
        "maze/quick",
        "50,000/100,000 frames (50%)",
        "return 6.12",
        "success 61%",
        "2,000 frames/s",
        "0:25 left",
    ]


def test_without_a_terminal_a_slow_run_prints_a_line_every_half_minute(clock: Clock) -> None:
    bar, out = drawn(terminal=False)
    algorithm = module(iterations=10_000)
    bar.on_train_start(trainer(), algorithm)
    run(bar, algorithm, clock, iterations=60, seconds=10)
    assert len(out.getvalue().splitlines()) == 1 + 60 * 10 / 30


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_one_line_shows_everything_that_a_user_waits_for(
    clock: Clock, width: int
) -> None:
    bar, out = drawn(terminal=True, width=width)
    algorithm = module()
    bar.on_train_start(trainer(), algorithm)
    run(bar, algorithm, clock, iterations=5, seconds=2)
    bar.on_train_end(trainer(), algorithm)
    line = last_line(out.getvalue())
    for part in ("maze/quick", "5k/20k", "return 6.12", "success 61%", "500 frames/s", "0:30 left"):
        assert part in line
    assert len(line) <= width


def test_a_resumed_run_starts_where_it_stopped_and_computes_its_speed_anew(clock: Clock) -> None:
    bar, out = drawn(terminal=False)
    algorithm = module()
    algorithm.env_steps = 18 * STEPS
    bar.on_train_start(trainer(), algorithm)
    run(bar, algorithm, clock, iterations=2, seconds=1)
    first, line = out.getvalue().splitlines()
    assert "18,000/20,000 frames (90%)" in first
    assert "20,000/20,000 frames (100%)" in line
    assert line.endswith("1,000 frames/s  0:00 left")


def test_the_time_left_never_exceeds_the_time_limit(clock: Clock) -> None:
    bar, out = drawn(terminal=False, max_minutes=1)
    algorithm = module(iterations=1000)
    bar.on_train_start(trainer(), algorithm)
    run(bar, algorithm, clock, iterations=4, seconds=10)
    assert out.getvalue().splitlines()[-1].endswith("0:30 left")


def test_metrics_that_are_not_known_yet_are_shown_as_dashes(clock: Clock) -> None:
    bar, out = drawn(terminal=False)
    algorithm = module(iterations=2)
    algorithm.metrics = lambda: {"charts/episodic_return": float("nan")}
    bar.on_train_start(trainer(), algorithm)
    run(bar, algorithm, clock, iterations=1, seconds=1)
    assert "return –  success –" in out.getvalue()


@pytest.mark.parametrize(
    ("experiment", "overrides", "limit"),
    [
        ("maze/quick", ["env.num_envs=20", "env.timeout=300"], 300 * 20),
        ("oversight/routed", ["env.num_envs=20", "env.max_steps=200"], 200 * 20),
        ("gridworld/ppo", ["env.num_envs=20", "env.max_steps=150"], 150 * 20),
        ("gridworld/ppo", ["env.num_envs=20"], WORLDS["options"].max_steps * 20),
    ],
)
def test_nothing_is_said_of_episodes_while_only_short_ones_can_have_ended(
    clock: Clock, experiment: str, overrides: list[str], limit: int
) -> None:
    console = Console(file=io.StringIO(), force_terminal=False, width=120, color_system=None)
    bar, algorithm = TrainingProgress(configs.load(experiment, overrides), console), module(10)
    bar.on_train_start(trainer(), algorithm)
    run(bar, algorithm, clock, iterations=10, seconds=1)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    assert len(lines) > 5
    for line in lines:
        steps = int(re.search(r"([\d,]+)/", line)[1].replace(",", ""))  # type: ignore[index]  # always there
        assert ("success 61%" in line) == (steps >= limit)
        assert ("return –  success –" in line) == (steps < limit)


def test_an_error_gives_the_terminal_back(clock: Clock) -> None:
    bar, out = drawn(terminal=True)
    algorithm = module()
    bar.on_train_start(trainer(), algorithm)
    bar.on_exception(trainer(), algorithm, ValueError())
    shown = out.getvalue()
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")
