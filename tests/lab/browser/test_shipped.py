"""The page out of the wheel, and the command that measures its latency."""

import zipfile

import pytest

from tests.house.wheels import build_wheel
from tests.lab.browser.conftest import AGENTS, ROOT, Lab, opened

pytestmark = pytest.mark.browser


def test_the_wheel_opens_the_page_without_node(chromium, tmp_path):
    with zipfile.ZipFile(build_wheel(tmp_path)) as files:
        files.extractall(tmp_path / "site")
    lab = Lab(
        str(ROOT / AGENTS[0]),
        folder=tmp_path,
        PYTHONPATH=str(tmp_path / "site"),
        PATH="/nowhere",
    )
    pages = opened(chromium, lab.link)
    page = next(pages)
    assert page.locator(".channel").count() == 32
    next(pages, None)
    lab.end()


def test_the_command_that_measures_latency_counts_every_edit(chromium, tmp_path):
    from benchmarks.lab import measure, untrained

    agent = untrained(tmp_path, "maze/easy", 5, ("env.observation=symbolic",))
    found = measure(agent, 5, 2, chromium)
    assert set(found) == {"network", "board", "drag"}
    for one in (found["network"], found["board"]):
        assert 0 < one["first_p50"] <= one["whole_p95"]
        assert one["server_cpu"] >= 0
    assert found["drag"]["drawn"] > 0
    assert found["drag"]["stale"] == 0
