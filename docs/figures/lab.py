"""Film the browser lab, with Chromium and the extras lab and browser."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
AGENT = HERE.parents[1] / "agents/maze-quick/seed-0"
CHROMIUM = "/usr/bin/chromium"
WIDTH, HEIGHT, SHOWN = 1280, 860, 840


def main() -> None:
    """Draw a wall, steer the agent away from its cheese, and let it play; write `lab.gif`."""
    command = [sys.executable, "-m", "chisel.cli.main", "lab", str(AGENT), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        link = server.stdout.readline().strip()
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
                page.goto(link)
                frames = list(filmed(page))
                browser.close()
        finally:
            server.terminate()
    shown = [one.quantize(96, dither=Image.Dither.NONE) for one in frames]
    shown[0].save(HERE / "lab.gif", save_all=True, append_images=shown[1:], duration=1100, loop=0)
    frames[-4].save(HERE / "lab.png", optimize=True)


def filmed(page: Page) -> Iterator[Image.Image]:
    """Yield pictures of the page, one after each thing that is done."""
    yield picture(page)
    for row, col in ((6, 6), (6, 7), (4, 5)):
        page.locator(f'.board [data-cell="{row},{col}"]').click()
        yield picture(page)
    page.get_by_role("button", name="Cheese vector of 16 mazes").click()
    yield picture(page)
    for strength in ("-2", "-3"):
        page.get_by_role("slider", name="Strength").fill(strength)
        yield picture(page)
    page.get_by_role("button", name="Difference").click()
    yield picture(page)
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_text("step 0, reward").wait_for()
    for number in range(3):
        for step in range(3):
            page.get_by_role("button", name="Step", exact=True).click()
            page.get_by_text(f"step {3 * number + step + 1}, reward").wait_for()
        yield picture(page)


def picture(page: Page) -> Image.Image:
    """Return the page as it is now."""
    page.mouse.move(2, 2)
    page.wait_for_selector("html[data-busy=false]", state="attached")
    page.wait_for_timeout(300)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return image.resize((SHOWN, HEIGHT * SHOWN // WIDTH), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
