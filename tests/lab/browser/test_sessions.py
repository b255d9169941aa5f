"""Sessions of the page, and the server behind it: kept, shared, told apart, not broken."""

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chisel.lab.protocol import VERSION
from tests.lab.browser.acts import button, choose, solved
from tests.lab.browser.conftest import AGENTS, ROOT, Lab, opened, settled

pytestmark = pytest.mark.browser


def test_a_reload_restores_the_session(page):
    button(page, "Random").click()
    settled(page)
    button(page, "Cheese vector of this maze").click()
    settled(page)
    before = page.evaluate("sessionStorage['chisel-lab-session']")
    page.reload()
    settled(page)
    assert page.evaluate("sessionStorage['chisel-lab-session']") == before
    assert page.locator(".edit").count() == 1


def test_two_tabs_on_two_agents_do_not_steer_each_other(page, lab):
    other = page.context.new_page()
    other.goto(lab.link)
    settled(other)
    choose(other, "maze-routed-dropping/seed-10")
    button(other, "Random").click()
    settled(other)
    before = other.evaluate("sessionStorage['chisel-lab-session']"), solved(other)
    page.bring_to_front()
    button(page, "Cheese vector of this maze").click()
    settled(page)
    for tab in (page, other):
        tab.bring_to_front()  # a tab behind another may lose clicks
        button(tab, "Play").click()
        tab.get_by_text("step 0, reward").wait_for()
    page.bring_to_front()
    button(page, "Step").click()
    page.get_by_text("step 1, reward").wait_for()
    other.bring_to_front()
    assert other.get_by_text("step 0, reward").is_visible()
    button(other, "Study").click()
    settled(other)
    assert before == (other.evaluate("sessionStorage['chisel-lab-session']"), solved(other))
    other.close()


def test_a_message_of_100_megabytes_is_refused_and_the_lab_lives(lab):
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    url, token = f"ws://127.0.0.1:{lab.port}/socket", lab.link.partition("token=")[2]
    hello = json.dumps({"kind": "hello", "token": token, "version": VERSION})
    for _ in range(2):
        with connect(url, origin=f"http://127.0.0.1:{lab.port}") as socket:
            socket.send(hello)
            assert b"welcome" in socket.recv()
            with contextlib.suppress(ConnectionClosed):  # while it is still being sent
                socket.send("x" * 100_000_000)
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv()
            assert closed.value.rcvd.code == 1009


def test_a_session_is_saved_opened_linked_and_exported(page, tmp_path):
    button(page, "Random").click()
    settled(page)
    button(page, "Cheese vector of this maze").click()
    settled(page)

    def pick(name):
        page.locator("summary").click()
        page.locator(".menu-items").get_by_role("button", name=name).click()

    with page.expect_download() as saved:
        pick("Save")
    file = tmp_path / "session.json"
    saved.value.save_as(file)
    assert len(json.loads(file.read_text())["slots"][0]["edits"]) == 1
    with page.expect_download() as numbers:
        pick("Numbers as CSV")
    assert numbers.value.suggested_filename == "lab-maze-quick-seed-0.csv"
    for name, begins in (("Figure as SVG", b"<?xml"), ("Figure as PNG", b"\x89PNG")):
        with page.expect_download() as figure:
            pick(name)
        assert Path(figure.value.path()).read_bytes().startswith(begins)
    pick("Copy as Python")
    text = page.get_by_role("textbox", name="Python script").input_value()
    done = subprocess.run(
        [sys.executable, "-P", "-c", text], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (line,) = (one for one in done.stdout.splitlines() if one.startswith("edited"))
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    shown = solved(page, "edited")[0]
    assert float(re.search(r"'cheese': ([\d.e-]+)", line)[1]) == pytest.approx(shown, abs=6e-4)
    pick("Copy link")
    page.get_by_text("Copied the link.").wait_for(state="attached")
    link = page.evaluate("navigator.clipboard.readText()")
    before = page.evaluate("JSON.parse(sessionStorage['chisel-lab-session'])")
    button(page, "Empty").click()
    page.locator(".edit").get_by_role("button", name=re.compile("Remove")).click()
    page.locator('input[type="file"]').set_input_files(file)
    settled(page)
    assert page.evaluate("JSON.parse(sessionStorage['chisel-lab-session'])") == before
    other = page.context.new_page()
    other.goto(link)
    settled(other)
    assert other.evaluate("JSON.parse(sessionStorage['chisel-lab-session'])") == before
    other.close()


def test_a_server_that_ends_and_one_that_begins_anew_are_told_apart(chromium):
    first = Lab(AGENTS[0])
    port, pages = first.port, opened(chromium, first.link)
    page = next(pages)
    first.end()
    page.get_by_text("The lab does not answer").wait_for()
    second = Lab(AGENTS[0], "--port", port)
    page.get_by_text("this link is from an earlier run").wait_for()
    page.goto("about:blank")
    page.goto(second.link)
    settled(page)
    assert page.locator(".banner").count() == 0
    second.end()
    next(pages, None)
