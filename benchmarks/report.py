"""Print tables of the measurements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

Part = dict[str, Any]


def show(results: dict[str, Part], console: Console) -> None:
    """Print the parts that a results file holds."""
    parts: dict[str, Callable[[Part, Console], None]] = {
        "ppo": _ppo,
        "share": _share,
        "memory": _memory,
        "envs": _envs,
        "routing": _routing,
        "power": _power,
        "fields": _fields,
        "safelife": _safelife,
        "safelife_ppo": _safelife_ppo,
    }
    for name, print_part in parts.items():
        if name in results:
            print_part(results[name], console)


def _ppo(part: Part, console: Console) -> None:
    table = Table("PPO", "frames/s", "CPU-s per 1,000 frames")
    for name, one in part["contenders"].items():
        table.add_row(name, f"{one['frames_per_s']:.0f}", f"{one['cpu_s_per_1000']:.2f}")
    console.print(table)
    ratios = Table("times as fast", "wall", "CPU")
    for name, one in part["ratios"].items():
        ratios.add_row(name, f"{one['wall_s']:.2f}", f"{one['cpu_s']:.2f}")
    console.print(ratios)


def _share(part: Part, console: Console) -> None:
    for precision, one in part.items():
        if isinstance(one, dict) and "others_share" in one:
            console.print(
                f"Lightning, callbacks and logs, {precision}: {one['others_share']:.1%} of an "
                f"iteration, {one['others_ms']:.0f} ms"
            )


def _memory(part: Part, console: Console) -> None:
    table = Table("peak memory at 64 x 256", "MiB")
    for name, peak in part["peak_mib"].items():
        table.add_row(name, f"{peak:.0f}")
    console.print(table)


def _envs(part: Part, console: Console) -> None:
    table = Table("64 mazes", "steps/s", "CPU-s per 1,000 steps")
    for name, one in part.items():
        if isinstance(one, dict) and "steps_per_s" in one:
            table.add_row(name, f"{one['steps_per_s']:,.0f}", f"{one['cpu_s_per_1000']:.4f}")
    console.print(table)
    for raw in ("raw_gym3", "raw_gym3_with_infos"):
        share = part[f"adapter_over_{raw}"]
        console.print(
            f"pixel adapter over {raw}: {share['wall_s']:.1%} (wall), {share['cpu_s']:.1%} (CPU)"
        )


def _routing(part: Part, console: Console) -> None:
    table = Table("five routed sites, over a plain step", "memory", "wall", "CPU", "fastest, CPU")
    for allocator in ("default", "keeping"):
        for name, one in part[allocator].items():
            for form, spent in one["overhead"].items():
                wall, cpu = spent["wall_s"]["median"], spent["cpu_s"]["median"]
                numbers = (f"{ratio:+.1%}" for ratio in (wall, cpu, spent["cpu_s"]["fastest"]))
                table.add_row(f"{name}: {form}", allocator, *numbers)
    console.print(table)


def _power(part: Part, console: Console) -> None:
    table = Table("POWER, one core", "wall", "CPU")
    for name, one in part.items():
        if isinstance(one, dict) and "parts" in one:
            table.add_row(name, *(f"{1e6 * one[key]:,.1f} µs" for key in ("wall_s", "cpu_s")))
    console.print(table)


def _fields(part: Part, console: Console) -> None:
    seen, led = part["observations"], part["retarget"]
    console.print(
        f"observations of {seen['squares']} squares of one maze: {1e3 * seen['wall_s']:.0f} ms "
        f"(wall), {1e3 * seen['cpu_s']:.0f} ms (CPU)"
    )
    console.print(
        f"retargeting map, {led['targets']} targets, {led['pairs']} pairs of target and square: "
        f"{led['wall_s']:.1f} s (wall), {led['cpu_s']:.1f} s (CPU)"
    )


def _safelife(part: Part, console: Console) -> None:
    table = Table(
        f"SafeLife, {part['boards']} boards", "steps per CPU-second", "per second of wall"
    )
    for name, one in part["contenders"].items():
        table.add_row(name, f"{one['per_cpu_s']:,.0f}", f"{one['per_wall_s']:,.0f}")
    console.print(table)
    table = Table("ms of CPU", "a level", "95 %", "side effects", "95 %")
    for task, level in part["level_ms"].items():
        shown = [one[key] for one in (level, part["metric_ms"][task]) for key in ("mean", "p95")]
        table.add_row(task, *(f"{value:.1f}" for value in shown))
    console.print(table)


def _safelife_ppo(part: Part, console: Console) -> None:
    table = Table("PPO in SafeLife", "frames/s", "CPU-s per 1,000 frames")
    for name, one in part["contenders"].items():
        table.add_row(name, f"{one['frames_per_s']:.0f}", f"{one['cpu_s_per_1000']:.2f}")
    console.print(table)
    ratio = part["over_its_bound"]["cpu_s"]
    console.print(f"CPU seconds of PPO over those of the network's passes alone: {ratio:.2f}")
