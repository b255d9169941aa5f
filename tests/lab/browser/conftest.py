"""A real browser, and a lab that runs in a process of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.charged import charged_run
from tests.models.language import tiny

ROOT = Path(__file__).parents[3]
AGENTS = [f"agents/{name}/seed-0" for name in ("maze-quick", "maze-pixels-small")]
AGENTS.append("agents/maze-routed-dropping/seed-10")
STORIES = ("agents/language-stories/seed-0", "agents/language-routed/seed-0")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
AXE = ROOT / "lab/page/node_modules/axe-core/axe.min.js"


class Lab:
    """A running lab: its process and the link that it printed."""

    def __init__(self, *words, folder=ROOT, **variables):
        command = [sys.executable, "-P", "-m", "chisel.cli.main", "lab", *words, "--no-browser"]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | variables,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.link = self.process.stdout.readline().strip()
        assert self.link.startswith("http://127.0.0.1:"), self.link

    @property
    def port(self):
        return re.search(r":(\d+)/", self.link)[1]

    def end(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


def _missing():
    if CHROMIUM is None:
        return "chromium is not installed"
    try:
        import playwright  # noqa: F401  # whether the extra is there
    except ImportError:
        return "playwright is missing: pip install 'chisel-agents[browser]'"
    return None


@pytest.fixture(scope="session")
def chromium():
    if missing := _missing():
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(chromium, tmp_path_factory):
    """A lab with agents, one of them charged for impact, and language models, one named `gpt2`."""
    folder = tmp_path_factory.mktemp("lab")
    charged = charged_run(folder, "gridworld/aup-ppo")
    found = Lab(*AGENTS, *STORIES, str(charged), str(tiny.folder(folder / "gpt2", "gpt2")))
    yield found
    found.end()


@pytest.fixture
def page(chromium, lab):
    """The lab's page, opened; fails at the end if a script did or a request left the machine."""
    yield from opened(chromium, lab.link)


def opened(chromium, link, **options):
    context = chromium.new_context(viewport={"width": 1400, "height": 1000}, **options)
    found, faults = context.new_page(), []
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    found.set_default_timeout(30_000)
    found.on("pageerror", lambda error: faults.append(str(error)))
    found.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    found.on("request", lambda request: faults.append(request.url) if _left(request) else None)
    found.goto(link)
    settled(found)
    yield found
    context.close()
    assert [one for one in faults if "WebSocket" not in one and "ERR_CONN" not in one] == []


def _left(request):
    ours = ("http://127.0.0.1:", "ws://127.0.0.1:", "blob:", "data:", "file:")
    return not request.url.startswith(ours)


def answered(page):
    """Wait until everything that was asked has been answered."""
    page.wait_for_selector("html[data-busy=false]", state="attached", timeout=60_000)


def settled(page):
    """Wait until everything that was asked has been answered, and the field is drawn."""
    answered(page)
    page.wait_for_selector("canvas.field[data-whole=true]")
