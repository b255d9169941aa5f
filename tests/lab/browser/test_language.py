"""Two prompts steer a language model in a real browser."""

import re

import pytest

from tests.lab.browser.acts import button, choose, require_no_serious_faults

pytestmark = pytest.mark.browser


def test_a_language_model_is_steered_measured_and_weighed(page):
    choose(page, "gpt2")
    page.locator(".chart").wait_for(timeout=60_000)
    for name, text in (("Plus", "love"), ("Minus", "hate"), ("Prompt", "I love the film because")):
        page.get_by_role("textbox", name=name, exact=True).fill(text)
    button(page, "Go on").click()
    page.get_by_role("heading", name="Random vector of equal norm").wait_for()
    page.get_by_role("button", name="Go on").wait_for()
    assert page.locator(".text").count() == 3
    for name, text in (("Wanted words", "glad, good"), ("Unwanted words", "sad")):
        page.get_by_role("textbox", name=name, exact=True).fill(text)
    page.get_by_role("textbox", name="Prompts, one a line").fill("the dog was\n\nI was so")
    page.get_by_role("textbox", name="Strengths").fill("1, 5")
    button(page, "Measure").click()
    page.get_by_role("button", name="Stop").wait_for(state="detached")
    rows = page.get_by_role("region", name=re.compile("Shifts")).get_by_role("row")
    assert rows.count() == 1 + 3
    rows.nth(3).get_by_role("button").nth(1).click()
    assert page.get_by_role("spinbutton", name="Layer").input_value() == "2"
    assert page.get_by_role("spinbutton", name="Strength").input_value() == "5"
    page.get_by_role("textbox", name="Wanted words", exact=True).fill("xylophone players")
    button(page, "Measure").click()
    page.get_by_text("is a single token").wait_for()
    page.locator("summary", has_text="Numbers").click()
    require_no_serious_faults(page)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_network_that_learnt_stories_is_steered_with_words_that_it_knows(page):
    choose(page, "language-stories/seed-0")
    page.locator(".chart").wait_for(timeout=60_000)
    page.get_by_role("spinbutton", name="Tokens").fill("5")
    button(page, "Go on").click()
    page.get_by_role("heading", name="Random vector of equal norm").wait_for()
    page.get_by_role("button", name="Go on").wait_for()
    assert page.locator(".banner").count() == 0
    assert page.locator(".text").count() == 3


def test_a_routed_network_also_writes_without_its_region_and_without_random_units(page):
    choose(page, "language-routed/seed-0")
    page.locator(".chart").wait_for(timeout=60_000)
    page.get_by_role("combobox", name="Ablate region").select_option("forget")
    page.get_by_role("spinbutton", name="Tokens").fill("5")
    button(page, "Go on").click()
    page.get_by_role("heading", name="Without forget").wait_for()
    page.get_by_role("button", name="Go on").wait_for()
    assert page.get_by_role("heading", name="Without as many random units").count() == 1
    assert page.locator(".text").count() == 5
    page.get_by_role("combobox", name="Ablate region").select_option("none")
    button(page, "Go on").click()
    page.get_by_role("button", name="Writing…").wait_for(state="detached")
    assert page.locator(".text").count() == 3
    require_no_serious_faults(page)
