"""The screens Compare and Play, in a real browser."""

import re

import pytest

from tests.lab.browser.acts import button, choose, require_no_serious_faults
from tests.lab.browser.conftest import settled

pytestmark = pytest.mark.browser


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
