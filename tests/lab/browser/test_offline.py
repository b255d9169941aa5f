"""The lab as one file: what the page computes itself is what torch computes."""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch

from chisel.analysis.maze import EditList, read_edits
from chisel.configs import ConfigError
from chisel.envs.maze import MazeState, observe_states, paths
from chisel.lab import offline_page
from chisel.lab.answers import Answerer
from chisel.models import to_tensor
from tests.lab.browser.acts import button, cell, read_field, require_no_serious_faults
from tests.lab.browser.conftest import AGENTS, ROOT, opened, settled
from tests.lab.talking import PLAIN, ROUTED, answers, session, shelf

pytestmark = pytest.mark.browser

CASES = 100
ASK = """async ({data, cases}) => {
  const source = document.querySelector('script[type=module]').src;
  const { OfflineTransport } = await import(source);
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0)).buffer;
  const transport = new OfflineTransport(bytes);
  const run = ({agent: name, maze, edits, cells}) => {
    const agent = transport.agents.get(name);
    const prepared = agent.prepare(edits);
    return cells.map((cell) => {
      const { logits, value } = agent.run({ maze, facing: 'left' }, cell, prepared);
      return [...logits, value];
    });
  };
  return cases.map((one) => {
    try { return run(one); } catch (error) { return error.message; }
  });
}"""
SHOW = """async ({data, messages}) => {
  const source = document.querySelector('script[type=module]').src;
  const { OfflineTransport } = await import(source);
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0)).buffer;
  const transport = new OfflineTransport(bytes);
  const found = [];
  for (const message of messages) {
    const answers = [];
    await new Promise((resolve) => {
      transport.onAnswer = ({ kind, head, arrays }) => {
        const plain = Object.entries(arrays).map(([name, { data }]) => [name, [...data]]);
        answers.push({ kind, ...head, arrays: Object.fromEntries(plain) });
        if (kind === 'done' || kind === 'error') resolve();
      };
      transport.send(message);
    });
    found.push(answers);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    found = tmp_path_factory.mktemp("offline") / "lab.html"
    found.write_bytes(offline_page([ROOT / AGENTS[0], ROOT / AGENTS[2]]))
    return found


@pytest.fixture(scope="module")
def data(file):
    """What the file holds of its agents, as the page reads it."""
    return re.search(r'id="chisel-lab-agents">([^<]*)<', file.read_text())[1]


@pytest.fixture(scope="module")
def offered():
    return shelf()


def random_maze(draw, side):
    cells = draw.choice(list("#..."), side**2)
    mouse, cheese = draw.permutation(side**2)[:2]
    cells[mouse], cells[cheese] = "M", "C"
    return ["".join(cells[n : n + side]) for n in range(0, side**2, side)]


def random_edit(draw, agent, maze, sites):
    """An edit of any kind at any layer; what takes levels or episodes, which are slow, at few."""
    levels = not draw.integers(3)
    middle = [one for one in sites if one["name"].endswith("block2.res1.resadd")]
    site = middle[0] if levels else sites[draw.integers(len(sites))]
    shape = site["shape"]
    control = {"control": bool(draw.integers(2)), "seed": int(draw.integers(16))}
    made = {"make": "cheese"} | ({"levels": 3} if levels else {"maze": maze})
    channels = draw.integers(shape[0], size=2).tolist()
    cells = [[int(draw.integers(size)) for size in shape[1:]] for _ in range(2)]
    at = {"site": site["name"], "on": bool(draw.integers(5))}
    unit = "norm" if levels and draw.integers(2) else "vector"
    kinds = [
        {"kind": "clamp", "channels": channels, "value": float(draw.normal())},
        {"kind": "scale", "factor": float(draw.normal()), "channels": channels},
        {"kind": "add", "vector": made, "strength": float(draw.normal()), "unit": unit} | control,
        {"kind": "project", "vector": made} | control,
    ]
    kinds[0] |= {"cells": cells if len(shape) == 3 and draw.integers(2) else None}
    if agent == ROUTED:
        ablate = {"kind": "ablate", "on": at["on"]}
        kinds += [ablate | {"region": ["cheese", "corner"][draw.integers(2)]} | control]
        kinds += [ablate | {"region": "corner", "mode": "mean"} | control | {"seed": 5}]
    edit = kinds[draw.integers(len(kinds))]
    return edit if edit["kind"] == "ablate" else edit | at


def expected(ingredients, maze, edits):
    """Logits and values at all squares, by torch; or why there are none."""
    state = MazeState.from_drawing("\n".join(maze), mode="easy")
    placed = []
    for square in paths.free_cells(state.open):
        placed.append(state.copy())
        placed[-1].set_mouse(*square)
    obs = to_tensor(observe_states(placed, ingredients.config.env))
    try:
        with torch.inference_mode(), EditList(ingredients, edits)():
            logits, values = ingredients.agent.outputs(obs)
    except ConfigError as error:
        return str(error)
    return torch.cat([logits, values[:, None]], 1).numpy()


def test_logits_are_those_of_torch_on_100_boards_and_edits(page, data, offered):
    draw = np.random.default_rng(0)
    cases, wanted = [], []
    for number in range(CASES):
        name = (PLAIN, ROUTED)[number % 2]
        maze = random_maze(draw, int(draw.choice([3, 5, 7] if number % 2 else [3, 5, 7, 9])))
        sites = offered.open(name).facts["sites"]
        plain = [random_edit(draw, name, maze, sites) for _ in range(draw.integers(4))]
        edits = read_edits(plain)
        state = MazeState.from_drawing("\n".join(maze), mode="easy")
        cells = paths.free_cells(state.open)
        listed = [dataclasses.asdict(one) for one in edits]
        cases.append({"agent": name, "maze": maze, "edits": listed, "cells": cells})
        wanted.append(expected(offered.open(name).ingredients, maze, edits))
    found = page.evaluate(ASK, {"data": data, "cases": cases})
    refused = [one for one in wanted if isinstance(one, str)]
    assert len(refused) < CASES / 10
    for case, got, right in zip(cases, found, wanted, strict=True):
        if isinstance(right, str):
            assert got == right, case
        else:
            np.testing.assert_allclose(got, right, atol=1e-4, err_msg=json.dumps(case))


def test_answers_are_those_of_the_server(page, data, offered):
    draw = np.random.default_rng(1)
    answerer, layer = Answerer(offered), "embedder.block2.res1.resadd"
    clamp = {"kind": "clamp", "site": layer, "channels": [3], "value": 4.0, "cells": [[0, 1]]}
    clamp |= {"on": True}
    messages = []
    for rev in range(12):
        slots = [[(PLAIN,)], [(PLAIN, clamp)], [(ROUTED,)], [(ROUTED,), (PLAIN, clamp)]][rev % 4]
        maze = random_maze(draw, 5)
        maze[0] = maze[0].replace("#", ".")
        asked = session(*slots, maze=maze, facing="left", background=0, level=-1)
        asked["slots"] = [{"digest": "", **one} for one in asked["slots"]]
        messages.append({"kind": "show", "rev": rev, "session": asked, "site": layer})
    found = page.evaluate(SHOW, {"data": data, "messages": messages})
    for message, got in zip(messages, found, strict=True):
        right = answers(answerer, **message)
        for kind in ("board", "now", "solved"):
            ours = [one for one in got if one["kind"] == kind]
            theirs = [one for one in right if one[0]["kind"] == kind]
            assert len(ours) == len(theirs)
            for one, (head, arrays) in zip(ours, theirs, strict=True):
                same(one, head)
                assert set(one.get("arrays", ())) == set(arrays)
                for name, array in arrays.items():
                    np.testing.assert_allclose(one["arrays"][name], array.ravel(), atol=1e-4)


def same(ours, theirs):
    """Compare what both say; the page knows no splits, and draws no ring of walls."""
    for key in set(theirs) - {"parts", "split", "ring", "board"}:
        if key in ("original", "edited") and theirs[key] is not None:
            for name, number in ours[key].items():
                assert number == pytest.approx(theirs[key][name], rel=1e-4, abs=1e-4)
        else:
            assert json.loads(json.dumps(ours[key])) == json.loads(json.dumps(theirs[key])), key


def test_the_file_is_used_without_a_server(chromium, file):
    pages = opened(chromium, file.as_uri())
    page = next(pages)
    button(page, "Empty").click()
    settled(page)
    cell(page, 3, 3).click()
    settled(page)
    page.mouse.move(5, 5)
    before = read_field(page)
    button(page, "Cheese vector of this maze").click()
    cell(page, 0, 0, "Channel").click()
    settled(page)
    page.mouse.move(5, 5)
    assert page.locator(".edit").count() == 2
    assert read_field(page) != before
    page.reload()
    settled(page)
    assert page.locator(".edit").count() == 2
    page.get_by_role("combobox", name="Compare with").select_option(ROUTED)
    page.get_by_text("this agent sees mazes up to 7×7, not 9×9").wait_for()
    button(page, "Undo").click()
    settled(page)
    page.get_by_role("combobox", name="Agent", exact=True).select_option(ROUTED)
    page.get_by_text("not 9×9").wait_for()
    page.get_by_role("spinbutton", name=re.compile("Validation maze")).fill("3")
    button(page, "Load").click()
    settled(page)
    assert page.locator(".banner").count() == 0
    button(page, "Ablate corner").click()
    settled(page)
    require_no_serious_faults(page)
    page.locator("summary").click()
    assert page.locator(".menu-items button").all_inner_texts() == ["Save", "Open…", "Copy link"]
    next(pages, None)
