"""`python -m benchmarks.lab`: measure how soon the lab's page shows the effect of an edit.

Chromium and the server run on the same two cores, with untrained networks Impala 16-32-32. An edit
of the network is a step of a vector's strength; an edit of the board is a wall that is drawn or
removed. Both are made by real events, each after the answers to the one before. The time is from
the event to the frame after the drawing. The server's CPU time is printed beside it, because the
time of a busy machine means little. Then walls are drawn with 60 events a second for two seconds.
An answer is stale if the page had asked again before the answer was drawn. An answer that is drawn
in several pieces counts once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import stamp
from chisel import configs
from chisel.models import Loaded, Spaces, build, save_agent

CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
FLAT = ("env.use_backgrounds=false", "env.use_monochrome_assets=true")
WORLDS = {
    "pixels 15×15": ("maze/easy", 15, ("env.observation=pixels", *FLAT)),
    "pixels 23×23": ("maze/hard", 23, ("env.observation=pixels", *FLAT)),
    "symbolic 15×15": ("maze/easy", 15, ("env.observation=symbolic",)),
    "symbolic 23×23": ("maze/hard", 23, ("env.observation=symbolic",)),
}
CORES = 2
DRAGGED, A_SECOND = 120, 60
"""Number of events of a drag, and number of events per second."""
GOALS = {
    "network": {"pixels": (50, 150), "symbolic": (50, 60)},
    "board": {"pixels": (50, 250), "symbolic": (50, 60)},
}
"""Goals for the first reaction and for the whole field (95th percentile in ms, on idle cores), by
kind of edit and of observation."""
ASKED = """() => {
  window.asked = 0;
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {
    window.asked = JSON.parse(text).rev ?? window.asked;
    send.call(this, text);
  };
}"""
LISTEN = """() => {
  window.times = {first: [], whole: [], drawn: 0, stale: 0};
  let begun = 0, reacted = true, shown = 0;
  for (const kind of ["keydown", "pointerdown"])
    document.addEventListener(kind, (e) => { begun = e.timeStamp; reacted = false; }, true);
  document.addEventListener("lab:drawn", ({detail}) => {
    if (detail.rev !== shown) window.times.drawn += 1;
    shown = detail.rev;
    if (detail.rev < window.asked) window.times.stale += 1;
  });
  document.addEventListener("lab:drawn", ({detail}) => requestAnimationFrame((now) => {
    const ms = Math.max(performance.now(), now) - begun;
    if (!reacted) { reacted = true; window.times.first.push(ms); }
    if (detail.whole) window.times.whole.push(ms);
  }));
}"""


def main() -> None:
    """Measure, print a table, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--threads", type=int, help="threads of the server; default: its choice")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/lab.json"))
    words = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # for this process and all that it starts
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    found: dict[str, Any] = {"machine": stamp(), "edits": words.edits}
    found |= {"threads": words.threads, "worlds": {}}
    table = Table("ms", "edit of", *(title for _, title in COLUMNS), "goals, p95")
    from playwright.sync_api import sync_playwright  # an extra

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for name in words.worlds:
            agent = untrained(Path(folder) / str(len(found["worlds"])), *WORLDS[name])
            found["worlds"][name] = one = measure(
                agent, WORLDS[name][1], words.edits, browser, words.threads
            )
            for kind, goals in GOALS.items():
                first, whole = goals[name.split()[0]]
                row = (f"{one[kind][key]:.0f}" for key, _ in COLUMNS)
                table.add_row(name, kind, *row, f"{first} and {whole}")
    found["load_after"] = stamp()["load_average"]
    words.out.parent.mkdir(parents=True, exist_ok=True)
    words.out.write_text(json.dumps(found, indent=1))
    console = Console()
    console.print(table)
    for name, one in found["worlds"].items():
        drag = one["drag"]
        console.print(
            f"{name}, {DRAGGED} events of a drag, {A_SECOND} a second: {drag['drawn']:.0f} answers "
            f"drawn, {drag['whole']:.0f} of them wholly, {drag['stale']:.0f} drawings stale"
        )
    console.print(f"load {found['machine']['load_average'][0]} → {found['load_after'][0]}")


COLUMNS = (
    ("first_p50", "first p50"),
    ("first_p95", "p95"),
    ("whole_p50", "whole p50"),
    ("whole_p95", "p95"),
    ("server_cpu", "server CPU an edit"),
)


def untrained(folder: Path, experiment: str, side: int, settings: tuple[str, ...]) -> Path:
    """Save a new network for mazes of one size."""
    sized = [*settings, "model.channels=[16,32,32]", f"env.levels.min_size={side}"]
    sized += [f"env.levels.max_size={side}"]
    sized += ["env.levels.set_size=10000", "name=lab"]
    config = configs.load(experiment, sized)
    pixels = config.env.observation == "pixels"
    spaces = Spaces(
        (64, 64, 3) if pixels else (side, side, 3), "uint8", 255.0 if pixels else 1.0, 15
    )
    model = build(config.model, spaces, seed=0)
    return save_agent(
        folder / "seed-0", Loaded(model, spaces, config, digest="", env_steps=0, source=folder)
    )


def measure(
    agent: Path, side: int, edits: int, browser: Any, threads: int | None = None
) -> dict[str, dict[str, float]]:
    """Make edits of the network and of the board, and return their times in milliseconds."""
    command = [sys.executable, "-m", "chisel.cli.main", "lab", str(agent), "--no-browser"]
    command += [f"threads={threads}"] if threads else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        link = server.stdout.readline().strip()
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.add_init_script(f"({ASKED})()")
            page.goto(link)
            _settle(page)
            assert page.locator(".board .cell").count() == side * side
            page.get_by_role("button", name="Cheese vector of this maze").click()
            _settle(page)
            page.evaluate(LISTEN)
            network = _repeated(page, server.pid, edits, _strength)
            board = _repeated(page, server.pid, edits, _wall)
            drag = _dragged(page)
            page.close()
        finally:
            server.terminate()
    return {"network": network, "board": board, "drag": drag}


def _repeated(page: Any, pid: int, edits: int, edit: Any) -> dict[str, float]:
    edit(page, 0)
    _settle(page)
    page.evaluate("Object.assign(window.times, {first: [], whole: []})")
    before = _cpu(pid)
    for number in range(1, edits + 1):
        edit(page, number)
        while page.evaluate("window.times.whole.length") < number:  # the page forbids eval
            page.wait_for_timeout(20)
        _settle(page)
    spent = _cpu(pid) - before
    times = page.evaluate("window.times")
    quantiles = {
        f"{name}_p{share}": float(np.percentile(times[name], share))
        for name in ("first", "whole")
        for share in (50, 95)
    }
    return quantiles | {"server_cpu": 1000 * spent / edits}


def _dragged(page: Any) -> dict[str, float]:
    """Draw walls over an empty board, square by square, and count the answers that are drawn."""
    page.get_by_role("button", name="Empty").click()
    _settle(page)
    box = page.locator(".board .cells").bounding_box()
    side = round(page.locator(".board .cell").count() ** 0.5)
    page.evaluate("Object.assign(window.times, {whole: [], drawn: 0, stale: 0})")
    begun = time.perf_counter()
    for event in range(DRAGGED):
        row, col = divmod(event, side - 2)
        at = ((col + 1.5) / side, (row % side + 0.5) / side)
        page.mouse.move(box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"])
        if event == 0:
            page.mouse.down()
        due = begun + (event + 1) / A_SECOND
        page.wait_for_timeout(max(0.0, 1000 * (due - time.perf_counter())))
    page.mouse.up()
    _settle(page)
    times = page.evaluate("window.times")
    return {"drawn": times["drawn"], "whole": len(times["whole"]), "stale": times["stale"]}


def _strength(page: Any, number: int) -> None:
    page.get_by_role("slider", name="Strength").press("ArrowRight" if number % 2 else "ArrowLeft")


def _wall(page: Any, number: int) -> None:
    """Draw or remove a wall on another square each time, so that no board was seen before."""
    squares = page.locator(".board .cell:not([aria-label$=cheese]):not([aria-label$=mouse])")
    squares.nth(7 * number % squares.count()).click(force=True)


def _settle(page: Any) -> None:
    """Wait until everything is answered and drawn, and the page rests."""
    page.wait_for_selector("html[data-busy=false]", state="attached", timeout=120_000)
    page.wait_for_selector("canvas.field[data-whole=true]")
    page.wait_for_timeout(50)


def _cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
