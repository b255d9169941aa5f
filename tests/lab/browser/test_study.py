"""The screen Study: a maze and a list of edits, by mouse and by keys."""

import json
import re

import pytest

from tests.lab.browser.acts import button, cell, choose, drag, label, read_field, solved
from tests.lab.browser.conftest import AGENTS, ROOT, settled

pytestmark = pytest.mark.browser


def test_a_maze_is_drawn_with_the_mouse_edited_and_undone(page):
    button(page, "Empty").click()
    settled(page)
    drag(page, (4, 2), (4, 5))
    assert [label(page, 4, col).split(", ")[2] for col in range(1, 7)] == [
        "free",
        *["wall"] * 4,
        "free",
    ]
    button(page, "Cheese").click()
    drag(page, (2, 6))
    button(page, "Mouse").click()
    drag(page, (0, 3))
    assert label(page, 2, 6).endswith("cheese")
    assert label(page, 0, 3).endswith("mouse")
    assert "Outside training" in page.locator(".mark").inner_text()
    before = read_field(page)
    button(page, "Cheese vector of this maze").click()
    settled(page)
    assert page.locator(".edit").count() == 1
    assert read_field(page) != before
    cell(page, 0, 1, "Channel").click()
    settled(page)
    assert page.locator(".board .seen").count() == 1
    assert page.locator(".edit").count() == 2
    for _ in range(2):
        page.keyboard.press("Control+z")
    settled(page)
    assert page.locator(".edit").count() == 0
    page.mouse.move(5, 5)
    assert read_field(page) == before
    for _ in range(2):
        button(page, "Redo").click()
    assert page.locator(".edit").count() == 2
    for _ in range(6):
        button(page, "Undo").click()
    assert button(page, "Undo").is_disabled()


def test_everything_on_the_board_works_by_keys(page):
    button(page, "Empty").click()
    settled(page)
    grid = page.get_by_role("grid", name=re.compile("Maze"))
    assert grid.locator('[tabindex="0"]').count() == 1
    grid.locator('[tabindex="0"]').focus()
    page.keyboard.press("Control+Home")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "w"):
        page.keyboard.press(key)
    assert label(page, 7, 2) == "row 7, column 2, wall"
    assert page.locator(".said").inner_text() == "row 7, column 2, wall"
    for key in ("ArrowDown", "m", "ArrowDown", "c", "End", "Shift+C"):
        page.keyboard.press(key)
    assert label(page, 6, 2).endswith("mouse")
    assert label(page, 5, 2).endswith("cheese")
    assert label(page, 5, 8).endswith("cheese")
    page.keyboard.press("Control+z")
    assert label(page, 5, 8).endswith("free")
    for key in ("Shift+Digit2", "w", "Digit3", "Digit2"):
        page.keyboard.press(key)
    assert label(page, 5, 8).endswith("free")
    assert page.locator(".said").inner_text() == "Maze 2."
    page.keyboard.press("v")
    assert button(page, "Original").get_attribute("aria-pressed") == "true"
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    settled(page)


def test_numbers_on_the_page_are_those_of_the_agent(page):
    from chisel.analysis.maze import maze_policy
    from chisel.envs.maze import MazeState, observe_states
    from chisel.models import load_agent

    agent = load_agent(ROOT / AGENTS[0])
    stored = page.evaluate("sessionStorage['chisel-lab-session']")
    board = json.loads(stored)["board"]
    state = MazeState.from_drawing("\n".join(board["maze"]), mode="easy")
    config = agent.config.env
    policy = maze_policy(agent.outputs, state, lambda s: observe_states(s, config), config)
    exact = policy.exact()
    expected = [exact[name] for name in ("cheese", "corner", "neither", "length")]
    assert solved(page) == pytest.approx(expected, abs=0.06)
    cell(page, *state.mouse).hover()
    shown = page.locator("table", has_text="of the moves change").inner_text()
    row = policy.left.at(state.mouse)
    for number in policy.left.moves[row]:
        assert f"{number:.3f}" in shown
    assert f"{policy.left.values[row]:.2f}" in shown


def test_a_strength_is_dragged_and_a_switch_turns_an_edit_off(page):
    button(page, "Cheese vector of this maze").click()
    settled(page)
    slider = page.get_by_role("slider", name="Strength")
    slider.fill("2")
    settled(page)
    assert page.get_by_role("spinbutton", name="Strength").input_value() == "2"
    strong = read_field(page)
    page.get_by_label("random vector of equal norm").check()
    settled(page)
    assert read_field(page) != strong
    page.locator(".edit-head input").uncheck()
    settled(page)
    button(page, "Original").click()
    page.mouse.move(5, 5)
    off = read_field(page)
    button(page, "Edited").click()
    page.mouse.move(5, 5)
    assert read_field(page) == off


def test_regions_of_a_routed_agent_are_ablated(page):
    choose(page, "maze-routed-dropping/seed-10")
    button(page, "Random").click()
    settled(page)
    before = read_field(page)
    button(page, "Ablate corner").click()
    settled(page)
    page.mouse.move(5, 5)
    ablated = read_field(page)
    assert ablated != before
    page.get_by_label("random region of equal size").check()
    settled(page)
    assert page.locator(".banner").count() == 0
    assert page.get_by_role("combobox", name="Layer").input_value() != ""


def test_a_maze_of_the_test_split_stays_closed_and_says_so(page):
    page.get_by_role("combobox", name="Mazes").select_option("procgen seed")
    for seed in range(200):
        page.get_by_role("spinbutton", name="Number").fill(str(seed))
        button(page, "Load").click()
        page.wait_for_timeout(60)
        if page.locator(".banner").count() and "test split" in page.locator(".banner").inner_text():
            return
    raise AssertionError("of 200 levels none was closed")


DRAWN = """() => { window.drawn = [];
document.addEventListener('lab:drawn', (event) => window.drawn.push(event.detail)); }"""


def test_dragging_draws_no_stale_answer(page):
    button(page, "Empty").click()
    settled(page)
    page.evaluate(DRAWN)
    boxes = [cell(page, row, 4).bounding_box() for row in range(8)]
    page.mouse.move(boxes[0]["x"] + 5, boxes[0]["y"] + 5)
    page.mouse.down()
    for step in range(60):
        box = boxes[step * len(boxes) // 60]
        page.mouse.move(box["x"] + 5 + step % 3, box["y"] + 5)
        page.wait_for_timeout(1000 / 60)
    page.mouse.up()
    settled(page)
    drawn = page.evaluate("window.drawn")
    revisions = [one["rev"] for one in drawn]
    assert revisions == sorted(revisions)
    assert drawn[-1]["whole"]
    assert page.locator("canvas.field").get_attribute("data-rev") == str(revisions[-1])
