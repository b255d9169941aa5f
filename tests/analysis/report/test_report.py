"""The report holds every figure and table, escapes all text, and needs no network."""

import base64
import inspect
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from chisel.analysis import studies
from chisel.analysis.report import Findings, Panel, Section, findings, page, with_small_pictures
from chisel.analysis.results import Agents, Count, DataTable, Result
from chisel.configs import ConfigError, registry
from chisel.models import Agent, load_agent, save_agent
from tests.analysis.conftest import make_run

NOTHING = {"title": "", "caption": "", "columns": [], "rows": []}
HOSTILE = '<script>alert("&")</script>{x}'


class Tags(HTMLParser):
    """All tags with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.seen = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def pictures(text):
    """What the page's images hold."""
    found = [attrs["src"] for tag, attrs in Tags(text).seen if tag == "img"]
    return [base64.b64decode(source.partition(";base64,")[2]) for source in found]


def assert_offline(text):
    for tag, attrs in Tags(text).seen:
        assert tag not in {"script", "link", "iframe"}
        assert attrs.get("href", "#").startswith("#")
        assert attrs.get("src", "data:").startswith("data:")
    assert not re.search(r"url\(|@import", text)


def test_all_inserted_text_is_escaped(tmp_path):
    (tmp_path / "x<y>.png").write_bytes(b"picture")
    (tmp_path / "a<b>.json").write_text(json.dumps({"command": HOSTILE}))
    table = {"title": HOSTILE, "caption": HOSTILE, "columns": [HOSTILE], "rows": [[HOSTILE]]}
    (tmp_path / "tables.json").write_text(json.dumps({"tables": [table]}))
    panel = Panel(HOSTILE, findings(tmp_path), HOSTILE)
    text = page(HOSTILE, table, [Section(HOSTILE, [panel])], {HOSTILE: HOSTILE}, {"a": HOSTILE})
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 10
    assert_offline(text)
    assert pictures(text) == [b"picture"]


def test_the_contents_lead_to_every_part_once(tmp_path):
    sections = [Section(title, []) for title in ("one", "<two>", "one")]
    text = page("t", NOTHING, sections, {}, {})
    seen = Tags(text).seen
    targets = [attrs["href"].removeprefix("#") for tag, attrs in seen if tag == "a"]
    assert targets == [attrs["id"] for tag, attrs in seen if "id" in attrs]
    assert len(set(targets)) == 5
    titles = ["Summary", "one", "&lt;two&gt;", "one", "Configs"]
    assert re.findall(r"<li><a[^>]*>(.*?)</a>", text) == titles


def test_every_study_of_the_report_takes_its_options_and_quotes_test_levels_alone():
    for name in registry.names("study"):
        given = registry.get("study", name).report
        if given is not None:
            parameters = inspect.signature(registry.resolve("study", name)).parameters
            assert set(given) <= set(parameters)
            if "split" in parameters:
                # None is the run's own `eval.split`, which is test unless somebody changes it.
                assert given.get("split", parameters["split"].default) in ("test", None)


def test_a_large_data_file_is_named_but_not_shown(tmp_path):
    (tmp_path / "big.csv").write_text("1,2\n" * 50_000)
    found = findings(tmp_path)
    assert found.command is None
    text = page("t", NOTHING, [Section("s", [Panel("p", found)])], {}, {})
    assert "big.csv, a large file" in text
    assert len(text) < 5_000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"study": {"options": {"split": "test"}}}, "held-out test levels"),
        ({"study": {"options": {"split": "validation"}}}, "VALIDATION levels"),
        ({"study": {"options": {"split": "all"}}}, "levels of the split all"),
        (
            {
                "study": {"options": {"split": None}},
                "runs": [{"config": {"eval": {"split": "validation"}}}],
            },
            "VALIDATION levels",
        ),
        ({"settings": {"eval.split": "test"}}, "held-out test levels"),
        ({"study": {"options": {"seed": 0}}}, ""),
    ],
)
def test_each_section_says_on_which_levels_its_numbers_were_measured(tmp_path, data, said):
    (tmp_path / "a.json").write_text(json.dumps(data))
    section = Section("s", [Panel("p", findings(tmp_path))])
    assert section.mark.startswith(said)
    assert bool(section.mark) == bool(said)
    assert said in page("t", NOTHING, [section], {}, {})


def test_the_summary_comes_first_and_has_each_conclusion(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"conclusion": "nine of ten & more"}))
    sections = [Section("one", [Panel("p", findings(tmp_path))], "what it is about")]
    text = page("t", NOTHING, sections, {}, {})
    assert (
        text.index("Summary</h2>") < text.index("nine of ten &amp; more") < text.index(">one</h2>")
    )


def noise(side):
    """A PNG that no palette makes small."""
    file = io.BytesIO()
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def test_pictures_beyond_the_size_of_a_page_are_named_instead_the_largest_first():
    figures = {"large.png": noise(300), "small.png": noise(20), "middle.png": noise(100)}
    section = Section("s", [Panel("p", Findings(figures))])
    (small,) = with_small_pictures([section], largest=30_000)
    kept = small.panels[0].found.figures
    assert [name for name, content in kept.items() if not content] == ["large.png"]
    assert all(len(kept[name]) < len(figures[name]) for name in kept)
    text = page("t", NOTHING, [small], {}, {})
    assert "large.png: too large for this page" in text
    assert len(pictures(text)) == 2


def test_a_page_stays_below_five_megabytes_however_many_pictures_there_are():
    panels = [Panel(str(n), Findings({f"{n}.png": noise(700)})) for n in range(12)]
    text = page("t", NOTHING, with_small_pictures([Section("s", panels)]), {}, {})
    assert 3_000_000 < len(text) < 5_000_000


def drawn(checkpoint: Agent, *, size: Count = 3) -> Result:
    """Draw a figure and make a table of the seed."""
    rows = [{"what": "seed", "value": checkpoint.config.seed + 0.5}]
    return Result(tables={"seeds": DataTable("Seeds", rows)}, figures={"drawing": Figure()})


def refusing(checkpoint: Agents) -> Result:
    """Refuse every agent."""
    raise ConfigError("no <regions>")


@pytest.fixture
def small(monkeypatch):
    """A report of a study that draws, and of one that does not apply."""
    here = f"{drawn.__module__}:"
    studies_here = {
        "drawn": registry.Component(f"{here}drawn", "", report={"size": 5}),
        "refusing": registry.Component(f"{here}refusing", "", report={}),
        "of-ghosts": registry.Component(f"{here}drawn", "", world="oversight", report={}),
        "not-shown": registry.Component(f"{here}drawn", ""),
        "report": registry.get("study", "report"),
    }
    monkeypatch.setitem(registry.BUILT_IN, "study", studies_here)


@pytest.mark.usefixtures("small")
def test_a_report_has_all_figures_tables_digest_and_config_and_says_what_is_missing(tmp_path):
    run = make_run(tmp_path / "a&b" / "run", overrides=["eval.levels=20"])
    (run / "studies" / "mine").mkdir(parents=True)
    (run / "studies" / "mine" / "own.png").write_bytes(b"mine")
    agent = load_agent(run)
    (run / "studies" / "mine" / "own.json").write_text(json.dumps({"sha256": agent.digest}))
    folder = studies.run("report", checkpoint=run)
    assert folder == run / "studies" / "report"
    text = (folder / "report.html").read_text()
    assert_offline(text)
    assert agent.digest in text
    assert "experiment: maze/quick" in text
    assert "a&amp;b" in text
    assert "Skipped: no &lt;regions&gt;." in text
    headings = ["Summary", "eval", "drawn", "refusing", "mine", "Configs"]
    assert re.findall(r"<h2 id=[^>]*>(.*?)</h2>", text) == headings
    assert len(list((run / "studies").glob("*/*.png"))) == 2
    assert b"mine" in pictures(text)
    assert len(pictures(text)) == 2
    assert "held-out test levels" in text  # the evaluation, which the report made
    assert "anywhere" in text
    assert not re.search(r"<h3>", text), "there is one checkpoint: no heading says which"


@pytest.mark.usefixtures("small")
def test_results_of_the_same_weights_and_options_are_taken_and_others_made_anew(run_folder):
    studies.run("drawn", checkpoint=run_folder, size=4)
    other = run_folder / "studies" / "drawn-size-4" / "drawn.json"
    before = other.read_bytes()
    own = run_folder / "studies" / "drawn-size-5" / "drawn.json"

    def report(**options):
        studies.run("report", checkpoint=run_folder, only="drawn", **options)
        return own.stat().st_mtime_ns

    first = report()
    assert report() == first
    assert report(again=True) > first
    text = own.read_text()
    for wrong in (load_agent(run_folder).digest, '"size": 5'):
        own.write_text(text.replace(wrong, '"size": 6' if "size" in wrong else "0" * 64))
        report()
        assert json.loads(own.read_text()) == json.loads(text)
    assert other.read_bytes() == before


@pytest.mark.usefixtures("small")
def test_a_group_of_seeds_and_shipped_agents_stand_side_by_side(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        make_run(tmp_path / "group" / f"seed-{seed}", overrides=[f"seed={seed}"])
    folder = studies.run("report", checkpoint="group", only="drawn")
    text = (folder / "report.html").read_text()
    assert str(folder) == "group/studies/report-only-drawn"
    assert "1.00 (" in text  # the mean over seeds 0.5 and 1.5, with its interval
    assert len(pictures(text)) == 2
    folded = re.findall(r"<summary>one by one</summary>(.*?)</details>", text)
    assert [len(pictures(one)) for one in folded] == [2], "what is about single seeds is folded"
    shipped = [save_agent(tmp_path / f"shipped-{n}", load_agent(f"group/seed-{n}")) for n in (0, 1)]
    both = ",".join(map(str, shipped))
    folder = studies.run("report", checkpoint=both, only="drawn", out="here")
    labels = re.findall(r"<h3>(.*?)</h3>", (folder / "report.html").read_text())
    assert labels == ["shipped-0", "shipped-1"]


def test_an_unknown_study_is_refused_with_the_nearest(run_folder):
    with pytest.raises(ConfigError, match="did you mean 'vector-field'"):
        studies.run("report", checkpoint=run_folder, only="vector-fields")


def test_findings_have_figures_tables_and_data_apart(tmp_path):
    for name in ("b.png", "a.gif", "x.csv", "notes.txt"):
        (tmp_path / name).write_text("")
    found = findings(tmp_path)
    assert list(found.figures) == ["a.gif", "b.png"]
    assert list(found.data) == ["x.csv"]
    assert isinstance(found, Findings)
