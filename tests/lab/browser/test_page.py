"""What a person does in the lab, in a real browser, by mouse and by keys."""

import contextlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from chisel.lab.protocol import VERSION
from tests.house.wheels import build_wheel
from tests.lab.browser.conftest import AGENTS, AXE, ROOT, Lab, answered, opened, settled

pytestmark = pytest.mark.browser


def cell(page, row, col, grid="Maze"):
    return page.get_by_role("grid", name=re.compile(grid)).locator(f'[data-cell="{row},{col}"]')


def label(page, row, col):
    return cell(page, row, col).get_attribute("aria-label")


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def choose(page, agent):
    page.get_by_role("combobox", name="Agent", exact=True).select_option(agent)
    answered(page)  # what is asked next is asked of this agent


def drag(page, *cells):
    boxes = [cell(page, *one).bounding_box() for one in cells]
    places = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    page.evaluate("document.activeElement?.blur()")
    settled(page)


def solved(page, row="original"):
    """The exact outcomes that are shown, as numbers."""
    cells = page.get_by_role("row", name=re.compile(f"^{row}")).first.get_by_role("cell")
    return [float(one) for one in cells.all_inner_texts()]


def read_field(page):
    return page.locator("canvas.field").first.evaluate("canvas => canvas.toDataURL()")


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


def test_two_lists_of_edits_are_compared_on_one_board(page):
    button(page, "Cheese vector of this maze").click()
    settled(page)
    button(page, "Compare").click()
    button(page, "with random vectors and regions of equal size").click()
    settled(page)
    assert page.locator("canvas.field").count() == 3
    rows = page.get_by_role("region", name="Squares that differ most").get_by_role("row")
    changes = [float(row.get_by_role("cell").nth(2).inner_text()) for row in rows.all()[1:]]
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 0.01
    page.get_by_role("combobox", name="Compare with").select_option(label="–")
    button(page, "Study").click()
    settled(page)


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


def test_ten_steps_are_played_and_taken_back(page):
    button(page, "Play").click()
    page.get_by_text("step 0, reward").wait_for()
    for number in range(5):
        button(page, "Step").click()
        page.get_by_text(f"step {number + 1}, reward").wait_for()
    page.evaluate("document.activeElement?.blur()")
    for number, key in enumerate((" ", "ArrowUp", "ArrowDown", "Backspace", "Backspace")):
        page.keyboard.press(key)
        expected = (6, 7, 8, 7, 6)[number]
        page.get_by_text(f"step {expected}, reward").wait_for()
    assert page.locator(".bars li").count() == 5
    button(page, "Run").click()
    page.get_by_text("The episode is over").wait_for()
    assert "return" in page.get_by_role("table", name="Facts about the episode").inner_text()
    button(page, "New episode").click()
    page.get_by_text("step 0, reward").wait_for()


def test_the_page_says_what_a_step_is_charged_for_its_impact(page):
    choose(page, page.locator("option", has_text="aup-ppo").first.inner_text())
    page.get_by_text("step 0, reward").wait_for()
    total = 0.0
    for number in range(3):
        action = page.locator(".bars li").nth(number)
        charged = float(action.locator(".bar-number").last.inner_text().split()[-1])
        action.get_by_role("button").click()
        page.get_by_text(f"step {number + 1}, reward").wait_for()
        step, so_far = re.findall(r"[\d.]+", page.locator(".penalty").inner_text())[:2]
        assert float(step) == charged
        total += charged
        assert float(so_far.rstrip(",")) == pytest.approx(total, abs=0.002)
    require_no_serious_faults(page)


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


def tab_to(page, target):
    """Press Tab until something has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab never reaches {target}")


def test_every_screen_is_used_by_keys_alone(page):
    tab_to(page, button(page, "Cheese vector of this maze"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("slider", name="Strength"))
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("spinbutton", name="Strength").input_value() == "-0.9"
    tab_to(page, page.get_by_role("grid", name=re.compile("Channel")).locator('[tabindex="0"]'))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    settled(page)
    assert page.locator(".edit").count() == 2
    tab_to(page, button(page, "Compare"))
    page.keyboard.press("Enter")
    tab_to(page, button(page, "without its edits"))
    page.keyboard.press("Enter")
    settled(page)
    assert page.locator("canvas.field").count() == 3
    tab_to(page, button(page, "Play"))
    page.keyboard.press("Enter")
    page.get_by_text("step 0, reward").wait_for()
    tab_to(page, page.locator(".bar-name").first)
    page.keyboard.press("Enter")
    page.get_by_text("step 1, reward").wait_for()
    tab_to(page, page.get_by_role("combobox", name="Agent", exact=True))
    page.keyboard.type("gpt2")
    page.locator(".chart").wait_for(timeout=60_000)
    tab_to(page, page.get_by_role("spinbutton", name="Tokens"))
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Random vector of equal norm").wait_for()


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


def test_a_maze_of_the_test_split_stays_closed_and_says_so(page):
    page.get_by_role("combobox", name="Mazes").select_option("procgen seed")
    for seed in range(200):
        page.get_by_role("spinbutton", name="Number").fill(str(seed))
        button(page, "Load").click()
        page.wait_for_timeout(60)
        if page.locator(".banner").count() and "test split" in page.locator(".banner").inner_text():
            return
    raise AssertionError("of 200 levels none was closed")


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


VIEWS = ("Study", "Compare", "Play")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_screen(chromium, lab, scheme):
    pages = opened(chromium, lab.link, color_scheme=scheme)
    page = next(pages)
    button(page, "Cheese vector of this maze").click()
    cell(page, 0, 0, "Channel").click()
    settled(page)
    for view in VIEWS:
        button(page, view).click()
        if view == "Compare":
            button(page, "without its edits").click()
            settled(page)
        if view == "Play":
            page.get_by_text("step 0, reward").wait_for()
        require_no_serious_faults(page)
    next(pages, None)


def require_no_serious_faults(page):
    """Let axe-core look for what people with impairments could not use."""
    if not AXE.is_file():
        pytest.fail(f"{AXE} is missing: make page")
    page.evaluate(AXE.read_text())  # past the page's policy, which forbids foreign scripts
    found = page.evaluate("axe.run()")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not [(one["id"], [n["html"][:200] for n in one["nodes"][:3]]) for one in serious]


@pytest.mark.parametrize("width", [1400, 700, 390])
def test_nothing_is_cut_off_at_200_percent_or_on_a_narrow_screen(page, width):
    """A window of 1400 pixels at 200 % has 700 of the page's."""
    page.set_viewport_size({"width": width, "height": 800})
    for view in VIEWS:
        button(page, view).click()
        page.wait_for_timeout(200)
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, f"{view} is {over} pixels too wide at {width}"


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
