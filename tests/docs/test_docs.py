"""Examples on the pages run, links and names lead somewhere, tables are complete."""

import dataclasses
import re
import shlex
from contextlib import suppress
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

from chisel import configs
from chisel.cli.main import main
from chisel.configs import SlurmConfig
from tests.docs.commands import check_arguments
from tests.docs.site import tables

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), ROOT / "agents/README.md", *ROOT.glob("docs/**/*.md")])
TODAY = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""Pages about the present; the changelog also has names that are gone."""
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
ENTRY = re.compile(r"^- \[[^\]]+\]\(([^)#]+)\)", re.MULTILINE)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
PYTHON_NAME = re.compile(r"\bchisel(?:\.[A-Za-z_]\w*)+")
FILE_NAME = re.compile(r"`([a-z]+/[\w./-]+\.(?:py|yaml|md|toml))`")


def blocks(page):
    return [match.groups() for match in FENCE.finditer(page.read_text())]


def name(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_to_a_file(page):
    for target, heading in LINK.findall(page.read_text()):
        leads_to = page.parent / target if target else page
        assert leads_to.exists(), f"{name(page)} links to {target}"
        if heading:
            assert heading in anchors(leads_to), f"{name(page)} links to {target}#{heading}"


def anchors(page):
    """What GitHub calls the headings of a page."""
    titles = (re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(page.read_text()))
    return {title.replace(" ", "-") for title in titles}


def test_the_index_lists_every_page_once():
    """The list is the navigation of the site, too."""
    index = ROOT / "docs/README.md"
    linked = [(index.parent / target).resolve() for target in ENTRY.findall(index.read_text())]
    notebooks = ROOT.glob("docs/notebooks/*.ipynb")
    assert sorted(linked) == sorted([*(page for page in PAGES if page != index), *notebooks])


def test_every_figure_is_in_the_gallery_once():
    gallery = (ROOT / "docs/gallery.md").read_text() + tables.gallery()
    shown = [target for target, _ in LINK.findall(gallery) if target.startswith("figures/")]
    files = [*ROOT.glob("docs/figures/*.png"), *ROOT.glob("docs/figures/*.gif")]
    assert sorted(shown) == sorted(f"figures/{file.name}" for file in files)


@pytest.mark.parametrize("page", TODAY, ids=name)
def test_every_python_name_on_a_page_exists(page):
    groups = set(configs.registry.GROUPS.values())
    names = set(PYTHON_NAME.findall(page.read_text())) - groups
    assert not [one for one in sorted(names) if not exists(one)]


def exists(python_name):
    """Whether a dotted name is a module, or an attribute of the longest module in it."""
    parts = python_name.split(".")
    for end in range(len(parts), 0, -1):
        with suppress(ModuleNotFoundError):
            found = import_module(".".join(parts[:end]))
            break
    for part in parts[end:]:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


@pytest.mark.parametrize("page", TODAY, ids=name)
def test_every_file_named_on_a_page_exists(page):
    rooms = {folder.name for folder in ROOT.iterdir() if folder.is_dir()}
    files = {file for file in FILE_NAME.findall(page.read_text()) if file.split("/")[0] in rooms}
    assert not [file for file in sorted(files) if not (ROOT / file).exists()]


def test_the_page_that_shows_everything_runs_from_its_first_line_to_its_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("agents").symlink_to(ROOT / "agents")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    namespace = {"__name__": "ten-minutes"}
    for language, _, text in blocks(ROOT / "docs/ten-minutes.md"):
        if language == "python":
            exec(compile(text, "ten-minutes.md", "exec"), namespace)  # our own page
        for line in text.splitlines() if language == "console" else ():
            assert main(line.removeprefix("$ chisel ").split()) == 0, line


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if p.stem != "ten-minutes" and any(b[0] == "python" for b in blocks(p))],
    ids=name,
)
def test_every_python_example_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page.stem}
    for language, _, text in blocks(page):
        if language == "python":
            exec(compile(text, name(page), "exec"), namespace)  # our own page


@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(b[0] in ("console", "bash") for b in blocks(p))], ids=name
)
def test_every_command_example_is_accepted(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("docs").symlink_to(ROOT / "docs")  # pages are reproduced by their name
    for _, file, text in blocks(page):
        if file:
            Path(file).write_text(text)
    for language, _, text in blocks(page):
        for words in typed(language, text):
            accept(words, capsys)


def typed(language, text):
    """The commands of Chisel in a block for a shell; its variables have their first values."""
    prompt = {"console": "$ ", "bash": ""}.get(language)
    if prompt is None:
        return
    values = {}
    for line in text.splitlines():
        for name, value in values.items():
            line = line.replace(f"${name}", value)
        if found := re.match(r"\s*(?:for )?(\w+)(?: in |=)\"?([^\"]+)", line):
            values[found[1]] = found[2] if '"' in line else found[2].split()[0]
        if line.lstrip().startswith(f"{prompt}chisel "):
            yield shlex.split(line.lstrip().removeprefix(prompt), comments=True)[1:]


def accept(words, capsys):
    """Run `check` and `list`; of the other commands check only that the arguments are right."""
    check_arguments(words)
    if words[0] in ("check", "list"):
        assert main(words) == 0, capsys.readouterr().err


def keys(schema, prefix=""):
    return {prefix + field.name for field in fields(schema)}


def explained_on(page):
    """Keys in the first column of the tables of a page."""
    lines = (ROOT / page).read_text().splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


def test_every_option_of_slurm_is_explained_and_no_other():
    explained = {key for key in explained_on("docs/howto/slurm.md") if key.startswith("slurm.")}
    assert explained == keys(SlurmConfig, "slurm.")


def test_every_logged_metric_is_explained():
    import torch

    from chisel.trainers.runs.assembly import build_module
    from chisel.trainers.runs.callbacks import LogIteration
    from tests.trainers.aup.deep_runs import make_deep
    from tests.trainers.conftest import EXPERTS, fit, make_aup, make_ppo

    small = ["model.hidden=[8]", "model.code=4", "frames=1197"]
    split = build_module(
        configs.load("digits/halves", small), 0, torch.device("cpu"), None, pytest.fail
    )
    stories = ["model.layers=1", "model.width=16", "model.heads=4", "algo.batch_size=8"]
    stories += ["algo.iteration_size=8", "algo.warmup=1", "frames=8", "corpus.stories=40"]
    language = build_module(
        configs.load("language/stories", [*stories, "corpus.validation=10"]),
        0,
        torch.device("cpu"),
        None,
        pytest.fail,
    )
    logged = set()
    aup = make_aup(iterations=2, phase=1, aux={"learn_on": True})
    every = dataclasses.replace(EXPERTS, alone_coef=0.1)
    for module in (make_ppo(iterations=1, routing=every), aup, split, language):
        fit(module)
        logged |= {any_label(metric) for metric in module.metrics()}
    fit(make_deep(), callbacks=[LogIteration(lambda metrics, *_: logged.update(metrics))])
    page = (ROOT / "docs/reference/metrics.md").read_text()
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert {any_label(m) for cell in cells for m in re.findall(r"`([^`]+)`", cell)} == logged


def any_label(metric):
    """Replace a label in a metric's name: the page names one label for all."""
    return re.sub(r"^routes/\w+/", "routes/LABEL/", metric)
