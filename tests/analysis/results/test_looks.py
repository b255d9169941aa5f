"""A figure fits its column, with text that a journal takes, or a slide, or a dark page."""

import re
import zlib

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from chisel.analysis.results import (
    INK,
    LINES,
    Look,
    Result,
    draw_heat,
    explain,
    new_figure,
    new_row,
    run_study,
    save_figure,
    style_axes,
)

POINTS = 72 / 25.4
"""Points in a millimetre."""

pytestmark = pytest.mark.usefixtures("papers")


def drawn() -> Figure:
    figure, axes = new_row(2, 8, 3, "a title that is long enough to be wider than a column")
    for ax in axes:
        ax.plot([0, 1], [0, 1], label="line", **LINES[1])
        style_axes(ax, "panel", xlabel="horizontal", ylabel="vertical")
        ax.tick_params(labelsize=5)
    axes[0].legend(fontsize=6)
    axes[1].text(0.5, 0.5, "tiny", fontsize=3)
    return figure


def wide() -> Figure:
    """A figure of so many panels that no column holds them."""
    figure, axes = new_row(7, 16, 3)
    for number, ax in enumerate(axes):
        style_axes(ax, f"panel {number}", ylabel="vertical")
    return figure


def fonts_of_pdf(content: bytes) -> list[float]:
    """The size of every piece of text, as the file asks for it."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    sizes = []
    for stream in streams:
        try:
            text = zlib.decompress(stream)
        except zlib.error:
            continue
        sizes += [float(size) for size in re.findall(rb"/F\S+ ([\d.]+) Tf", text)]
    return sizes


def fonts_of_svg(text: str) -> list[float]:
    return [float(size) for size in re.findall(r"font(?:-size)?: ?[^;\"]*?([\d.]+)px", text)]


@pytest.mark.parametrize("width", [85, 174])
def test_files_have_the_width_asked_for_and_text_of_seven_points(tmp_path, width):
    save_figure(drawn(), tmp_path / "a.png", "x", look=Look(width=width))
    pdf, svg = (tmp_path / "a.pdf").read_bytes(), (tmp_path / "a.svg").read_text()
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", pdf)
    assert float(box[1]) == pytest.approx(width * POINTS, abs=0.1)
    assert float(re.search(r'width="([\d.]+)pt"', svg)[1]) == pytest.approx(width * POINTS, abs=0.1)
    for sizes in (fonts_of_pdf(pdf), fonts_of_svg(svg)):
        assert len(sizes) > 10
        assert min(sizes) >= 7


def test_without_a_width_a_figure_stays_as_wide_as_it_was_drawn(tmp_path):
    save_figure(drawn(), tmp_path / "a.png", "x")
    sizes = fonts_of_svg((tmp_path / "a.svg").read_text())
    assert min(sizes) == 7, "text that was smaller has been enlarged"
    assert 11 in sizes, "other text has not"
    found = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", (tmp_path / "a.pdf").read_bytes())
    assert float(found[1]) == pytest.approx(8 * 72)


def test_a_figure_that_a_column_cannot_hold_is_wider_and_a_note_says_so(tmp_path, capsys):
    save_figure(wide(), tmp_path / "a.png", "x", look=Look(width=85), paper=False)
    noted = capsys.readouterr().err
    assert re.fullmatch(r"note: a.png is (130|174|260) mm wide; 85 mm have no room .*\n", noted)
    save_figure(drawn(), tmp_path / "b.png", "x", look=Look(width=100), paper=False)
    assert capsys.readouterr().err == ""


def test_text_on_slides_is_larger():
    sizes = [
        max(one.get_fontsize() for one in figure.findobj(Text) if one.get_text())
        for figure in (drawn(), Look("slides").fitted(drawn()))
    ]
    assert sizes[1] == pytest.approx(1.4 * sizes[0])


def luminance(colour) -> float:
    red, green, blue, _ = matplotlib.colors.to_rgba(colour)
    return 0.3 * red + 0.59 * green + 0.11 * blue


def test_text_and_lines_are_light_on_a_dark_page():
    figure = drawn()
    figure.axes[0].plot([0, 1], [1, 0], color=INK)
    dark = Look("dark").fitted(figure)
    assert luminance(dark.get_facecolor()) < 0.15
    assert all(luminance(ax.get_facecolor()) < 0.15 for ax in dark.axes)
    written = [one for one in dark.findobj(Text) if one.get_text()]
    assert min(luminance(one.get_color()) for one in written) > 0.6
    assert min(luminance(line.get_color()) for ax in dark.axes for line in ax.lines) > 0.25


def test_what_is_drawn_on_cells_with_colours_of_their_own_stays_as_it_is():
    figure = new_figure(4, 3)
    ax = figure.subplots()
    draw_heat(ax, np.array([[0.0, 1.0]]), ["r"], ["a", "b"], colours="Blues", limits=(0, 1))
    before = [one.get_color() for one in ax.texts]
    dark = Look("dark").fitted(figure)
    assert [one.get_color() for one in dark.axes[0].texts] == before
    assert luminance(dark.axes[0].get_xticklabels()[0].get_color()) > 0.6


def test_what_bands_mean_stands_with_the_legend_or_below():
    figure, axes = new_row(1, 4, 3)
    explain(figure, "bands: 95 %")
    assert figure.get_supxlabel() == "bands: 95 %"
    axes[0].plot([0, 1], label="a")
    figure.legend()
    explain(figure, "bands: all")
    assert figure.legends[0].get_title().get_text() == "bands: all"


def test_a_long_title_is_broken_where_the_figure_ends():
    figure = new_figure(3, 2, "one two three four five six seven eight nine ten")
    longest = max(map(len, figure.get_suptitle().split("\n")))
    assert longest * 0.085 <= 3


def drawing(*, size: int = 1) -> Result:
    """Draw."""
    return Result({"size": size}, figures={"drawing": drawn()})


def test_a_study_draws_as_asked_in_the_same_folder_and_its_command_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = run_study("drawing", drawing, {})
    assert sorted(one.suffix for one in first.iterdir()) == [".json", ".pdf", ".png", ".svg"]
    before = (first / "drawing.svg").read_text()
    again = run_study("drawing", drawing, {"style": "dark", "width": "120"})
    assert again == first
    assert (again / "drawing.svg").read_text() != before
    command = "chisel study drawing style=dark width=120.0"
    assert f'"command": "{command}"' in (again / "drawing.json").read_text()
