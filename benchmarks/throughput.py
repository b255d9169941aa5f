"""Measure speed beside peers: `python -m benchmarks.throughput [--quick] [--part PART …]`.

Results go to benchmarks/results/NAME.json. If the machine was busy, single parts can be measured
again; the others stay in the file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from benchmarks import environments, machine, routing_overhead
from benchmarks import fields as field_costs
from benchmarks import power as power_costs
from benchmarks import safelife as safelife_speed
from benchmarks.pace import Contender
from benchmarks.report import show
from benchmarks.setting import Setting

RESULTS = Path(__file__).parent / "results"
FP32, BF16 = "32-true", "bf16-mixed"
CONTENDERS = {
    "chisel fp32": ("chisel", FP32),
    "chisel bf16": ("chisel", BF16),
    "sb3 fp32": ("sb3", FP32),
    "passes fp32": ("passes", FP32),
    "passes bf16": ("passes", BF16),
}
RATIOS = {
    "fp32 over sb3": ("chisel fp32", "sb3 fp32"),
    "bf16 over sb3": ("chisel bf16", "sb3 fp32"),
    "fp32 over its bound": ("chisel fp32", "passes fp32"),
    "bf16 over its bound": ("chisel bf16", "passes bf16"),
}
"""Pairs of contenders; the speed of the first is given as a multiple of the second's."""


def ppo(toy: bool, rounds: int) -> dict[str, Any]:
    """Time our PPO, SB3's and the network passes alone, in turns."""
    running = {
        name: Contender(contender, precision, *(["--toy"] if toy else []))
        for name, (contender, precision) in CONTENDERS.items()
    }
    frames = _frames_per_iteration(toy)
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in running}
    for contender in running.values():
        contender.answer()  # one after the other, so that warming up doesn't overlap either
    for _ in range(rounds):
        for name, contender in running.items():
            before = machine.load()
            turns[name].append(contender.run(1) | {"load_average": before})
    for contender in running.values():
        contender.stop()
    return {
        "frames_per_iteration": frames,
        "contenders": {name: _summary(made, frames) for name, made in turns.items()},
        "ratios": {
            name: {
                key: median(
                    second[key] / first[key]
                    for first, second in zip(turns[fast], turns[slow], strict=True)
                )
                for key in ("wall_s", "cpu_s")
            }
            for name, (fast, slow) in RATIOS.items()
        },
    }


def memory(toy: bool, rounds: int) -> dict[str, Any]:
    """Measure peak resident memory at 64 x 256 after one iteration, in processes of their own."""
    peaks = {}
    for name in ("chisel bf16", "chisel fp32", "sb3 fp32"):
        arguments = ["--toy"] if toy else ["--num-steps", "256"]
        contender = Contender(*CONTENDERS[name], *arguments)
        peaks[name] = contender.answer()["peak_mib"]
        contender.stop()
    return {"peak_mib": peaks}


def envs(toy: bool, rounds: int) -> dict[str, Any]:
    """Measure steps per second of the maze environments, in many short turns."""
    if toy:
        return environments.measure(steps=256, rounds=rounds)
    return environments.measure(steps=64 * 100, rounds=7 * rounds)


def share(toy: bool, rounds: int) -> dict[str, Any]:
    """Measure the share of an iteration that Lightning, callbacks and logs take."""
    results = {}
    for precision in (FP32, BF16):
        contender = Contender("chisel_parts", precision, *(["--toy"] if toy else []))
        contender.answer()
        turns = [contender.run(1) for _ in range(rounds)]
        contender.stop()
        results[precision] = {
            "turns": turns,
            "others_share": median(1 - one["own_s"] / one["wall_s"] for one in turns),
            "others_ms": median(1000 * (one["wall_s"] - one["own_s"]) for one in turns),
        }
    return results


def routing(toy: bool, rounds: int) -> dict[str, Any]:
    """Measure the time that gradient routing adds to a training step, in many short turns."""
    return routing_overhead.measure_apart(toy=toy, rounds=rounds if toy else 10 * rounds)


def power(toy: bool, rounds: int) -> dict[str, Any]:
    """Measure the cost of POWER, by reward, world or orbit."""
    return power_costs.measure_apart(toy=toy, rounds=rounds if toy else 3 * rounds)


def fields(toy: bool, rounds: int) -> dict[str, Any]:
    """Time observations of all squares of a maze, and a retargeting map."""
    return field_costs.measure(toy=toy, rounds=rounds if toy else 7 * rounds)


def safelife(toy: bool, rounds: int) -> dict[str, Any]:
    """Measure steps per second of SafeLife, observations included, in many short turns."""
    return safelife_speed.measure_apart(toy=toy, rounds=rounds if toy else 3 * rounds)


def safelife_ppo(toy: bool, rounds: int) -> dict[str, Any]:
    """Time PPO in SafeLife with the network of 2006.06547 and its network passes alone, in turns.

    A turn is ten iterations; the network unpacks the views in both.
    """
    arguments = [FP32, "--safelife", *(["--toy"] if toy else [])]
    running = {name: Contender(name, *arguments) for name in ("chisel", "passes")}
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in running}
    for contender in running.values():
        contender.answer()
    for _ in range(rounds if toy else 3 * rounds):
        for name, contender in running.items():
            before = machine.load()
            turns[name].append(contender.run(1 if toy else 10) | {"load_average": before})
    for contender in running.values():
        contender.stop()
    config = Setting(FP32, toy, safelife=True).config()
    frames = config.env.num_envs * config.algo.num_steps
    pairs = list(zip(turns["chisel"], turns["passes"], strict=True))
    return {
        "frames_per_iteration": frames,
        "contenders": {name: _summary(made, frames) for name, made in turns.items()},
        "over_its_bound": {
            key: median(ours[key] / bound[key] for ours, bound in pairs)
            for key in ("wall_s", "cpu_s")
        },
    }


PARTS: dict[str, Callable[[bool, int], dict[str, Any]]] = {
    one.__name__: one
    for one in (envs, ppo, share, memory, routing, power, fields, safelife, safelife_ppo)
}


def _frames_per_iteration(toy: bool) -> int:
    config = Setting(toy=toy).config()
    return int(config.env.num_envs * config.algo.num_steps)


def _summary(turns: list[dict[str, Any]], frames: int) -> dict[str, Any]:
    return {
        "turns": turns,
        "frames_per_s": median(frames * one["iterations"] / one["wall_s"] for one in turns),
        "cpu_s_per_1000": median(
            1000 * one["cpu_s"] / (frames * one["iterations"]) for one in turns
        ),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure the parts named on the command line; write and print the results."""
    parser = argparse.ArgumentParser(prog="benchmarks.throughput", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="toy sizes, to test the harness")
    parser.add_argument(
        "--part", action="append", choices=sorted(PARTS), help="part to measure; default: all"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--name", default=None, help="name of the results file")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results file")
    given = parser.parse_args(arguments)
    path = given.out / f"{given.name or ('quick' if given.quick else 'throughput')}.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name in given.part or PARTS:
        measured = PARTS[name](given.quick, given.rounds)
        results[name] = measured | {"machine": machine.stamp(), "rounds": given.rounds}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n")
    show(results, Console())
    Console().print(f"written to {path}")


if __name__ == "__main__":
    main()
