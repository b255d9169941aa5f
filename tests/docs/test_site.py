"""The site builds without a warning, and each of its links, figures and pages can be reached."""

import json
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.site import tables

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")


class Page(HTMLParser):
    """Anchors of a page, what its links lead to, and what it loads by itself."""

    def __init__(self, file):
        super().__init__()
        self.ids, self.links, self.loads = set(), set(), set()
        self.feed(file.read_text())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.update(found[key] for key in ("id", "name") if found.get(key))
        if tag == "a" and "href" in found:
            self.links.add(found["href"])
        elif tag == "link":
            self.loads.add(found["href"])
        elif found.get("src"):
            self.loads.add(found["src"])


def built(folder):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {file: Page(file) for file in folder.glob("**/*.html")}


def leads_to(file, link):
    """The file and the anchor that a link of a page leads to; None if it leaves the site."""
    parts = urlsplit(link)
    if parts.scheme:
        return None
    path = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    return path, unquote(parts.fragment)


def test_the_site_is_whole_and_needs_no_network(tmp_path):
    pages = built(tmp_path)
    reached, waiting = set(), [tmp_path / "index.html"]
    while waiting:
        file = waiting.pop()
        if file in reached or file not in pages:
            continue
        reached.add(file)
        for link in pages[file].links:
            if target := leads_to(file, link):
                path, anchor = target
                assert path.is_file(), f"{file.relative_to(tmp_path)} links to {link}"
                assert not anchor or path.suffix != ".html" or anchor in pages[path].ids, link
                waiting.append(path)
    assert set(pages) - reached == {tmp_path / "404.html"}
    for file, page in pages.items():
        for loaded in {link for link in page.loads if not link.startswith("data:")}:
            target = leads_to(file, loaded)
            assert target, f"{file.name} loads {loaded}"
            assert target[0].is_file() or file.name == "404.html", loaded
    index = json.loads((tmp_path / "search/search_index.json").read_text())
    assert any("RoutedAdam" in entry["text"] for entry in index["docs"])


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_files_are_searched_in_a_browser_and_fit_a_phone(tmp_path):
    from playwright.sync_api import sync_playwright

    built(tmp_path)
    asked, errors = [], []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(error))
        for name in ("index", "reference/hyperparameters", "gallery", "project/readme"):
            page.goto((tmp_path / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        page.set_viewport_size({"width": 1280, "height": 900})
        page.click(".md-search__input")
        page.keyboard.type("relearning")
        page.wait_for_selector(".md-search-result__item", timeout=60_000)
        browser.close()
    assert not errors
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))]


def test_generated_parts_come_from_the_program():
    """They stand where the pages have comments, and come from the program."""
    options = tables.options()
    assert "| `env.levels.set_size` | whole number | `0` |" in options
    assert "| `algo.aup_lambda` |" in options
    assert options.count("| `algo.clip_coef` |") == 1  # AUP has PPO's options, listed once
    assert "`offline`, `online`, `disabled`" in options
    assert "### `retarget`" in tables.studies()
    assert "### `maze/quick`" in tables.experiments()
    assert "usage: chisel" in tables.commands()
    assert "::: chisel.routing.attach" in tables.package("routing")
