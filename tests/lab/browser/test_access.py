"""Every screen: used by keys alone, without faults that axe-core finds, on narrow windows."""

import re

import pytest

from tests.lab.browser.acts import VIEWS, button, cell, require_no_serious_faults, tab_to
from tests.lab.browser.conftest import opened, settled

pytestmark = pytest.mark.browser


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


@pytest.mark.parametrize("width", [1400, 700, 390])
def test_nothing_is_cut_off_at_200_percent_or_on_a_narrow_screen(page, width):
    """A window of 1400 pixels at 200 % has 700 of the page's."""
    page.set_viewport_size({"width": width, "height": 800})
    for view in VIEWS:
        button(page, view).click()
        page.wait_for_timeout(200)
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, f"{view} is {over} pixels too wide at {width}"
