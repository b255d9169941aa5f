"""Figures survive print: vector files, fonts, sizes, and colours that all eyes tell apart."""

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from chisel.analysis.results import LINES, PALETTE, new_figure, save_figure, style_axes
from chisel.analysis.results.curves import Curve, curves_figure, profiles_figure

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
COLUMN = 85 / 25.4
"""Width of a journal's column in inches."""

pytestmark = pytest.mark.usefixtures("papers")


def lab(colours, vision):
    """CIE Lab (D65) of colours, as somebody with this vision sees them."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ vision.T, 0, 1) @ TO_XYZ.T / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116).T
    return np.column_stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", [np.eye(3), PROTANOPIA, DEUTERANOPIA])
def test_all_colours_differ_to_every_kind_of_eye(vision):
    # 2.3 is just noticeable side by side; thin lines and dots need several times that.
    seen = lab(PALETTE, vision)
    apart = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
    assert min(apart) > 15


def test_neighbouring_colours_differ_in_lightness_and_all_stand_out_from_paper():
    lightness = lab(PALETTE, np.eye(3))[:, 0]
    assert np.abs(np.diff(lightness)).min() > 12
    assert lightness.max() <= 80


def test_no_two_lines_look_the_same_and_neighbours_differ_in_dashes_too():
    looks = [(line["color"], line["linestyle"]) for line in LINES]
    assert len(set(looks)) == len(looks) == 40
    dashes = [dash for _, dash in looks]
    assert all(a != b for a, b in itertools.pairwise(dashes))


def seeds(folder, n):
    draws = np.random.default_rng(n)
    steps = np.arange(50) * 40_000
    logs = [pd.Series(draws.beta(1 + steps / 3e5, 2), index=steps) for _ in range(n)]
    return [
        Curve(folder / str(k), 2_000_000, {"charts/success": log}) for k, log in enumerate(logs)
    ]


def test_text_of_curves_is_seven_points_high_when_a_panel_fills_a_column(tmp_path):
    profile = pd.DataFrame({"threshold": [0, 1], "share": [1, 0], "low": [0, 0], "high": [1, 0.3]})
    for figure in (
        curves_figure({"one": seeds(tmp_path, 5)}),
        profiles_figure({"success": {"a": profile, "b": profile}}),
    ):
        scale = COLUMN / figure.get_figwidth()
        written = [one for one in figure.findobj(Text) if one.get_text()]
        assert min(one.get_fontsize() for one in written) * scale >= 6.99


@pytest.mark.parametrize("frames", [256, 2_048, 1_600_000, 80_000_000])
def test_numbers_of_steps_do_not_overlap_however_long_runs_are(frames):
    log = pd.Series([0.7, 0.70004], index=[0, frames])
    figure = curves_figure({"run": [Curve(Path("run"), frames, {"losses/entropy": log})]})
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (ax,) = figure.axes
    boxes = [one.get_window_extent() for one in ax.get_xticklabels() if one.get_text()]
    assert len(boxes) > 2
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))
    assert not ax.yaxis.get_offset_text().get_text()  # such as 7e-1, to be added in mind


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (1, "run"),
        (3, "run: mean, n = 3 seeds; thin: each seed"),
        (5, "run: mean, n = 5 seeds; band: 95 %, Student's t over seeds"),
    ],
)
def test_the_legend_says_what_line_and_band_are_and_how_many_seeds_there_were(tmp_path, n, said):
    figure = curves_figure({"run": seeds(tmp_path, n)})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [said]
    (ax,) = figure.axes
    assert len(ax.lines) == (n if n > 1 else 0) + 1
    assert bool(ax.collections[0].get_paths()) == (n >= 5)


def drawn() -> Figure:
    figure = new_figure(3, 2, "title")
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], **LINES[1])
    style_axes(ax, xlabel="x")
    return figure


def test_pdf_and_svg_lie_beside_each_figure_with_truetype_fonts_and_no_date(tmp_path):
    path = save_figure(drawn(), tmp_path / "a.png", "run 7")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.pdf", "a.png", "a.svg"]
    assert path.read_bytes().startswith(b"\x89PNG")
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile2" in pdf  # an embedded TrueType font
    assert b"/Type3" not in pdf
    assert b"run 7" in pdf
    assert b"CreationDate" not in pdf


def test_the_same_figure_gives_the_same_bytes_in_every_format(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        save_figure(drawn(), tmp_path / folder / "a.png", "run 7")
        save_figure(drawn(), tmp_path / folder / "a.svg", "run 7", paper=False)
    for name in ("a.png", "a.pdf", "a.svg"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    svg = (tmp_path / "one" / "a.svg").read_text()
    assert re.search(r"<text[^>]*>title</text>", svg)  # text stays text
    assert "run 7" in svg


def test_without_paper_there_is_neither_pdf_nor_svg(tmp_path):
    save_figure(drawn(), tmp_path / "a.png", "x", paper=False)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
