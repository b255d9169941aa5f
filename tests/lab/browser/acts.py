"""What a person does on the page, and reads off it."""

import re

import pytest

from tests.lab.browser.conftest import AXE, answered, settled

VIEWS = ("Study", "Compare", "Play")


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


def tab_to(page, target):
    """Press Tab until something has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab never reaches {target}")


def require_no_serious_faults(page):
    """Let axe-core look for what people with impairments could not use."""
    if not AXE.is_file():
        pytest.fail(f"{AXE} is missing: make page")
    page.evaluate(AXE.read_text())  # past the page's policy, which forbids foreign scripts
    found = page.evaluate("axe.run()")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not [(one["id"], [n["html"][:200] for n in one["nodes"][:3]]) for one in serious]
