"""Write the lab as one HTML file that runs the agents itself, without a server or the internet.

The page is that of the server, but `lab/page/src/offline` answers its requests and runs the neural
network as torch does. This module writes the data that it needs for that: the modules, the weights,
validation mazes for vectors and norms, and regions with their controls and means.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from chisel import routing
from chisel.analysis.ablation import regions_of
from chisel.analysis.evaluation import maze_run, record_means
from chisel.analysis.maze import AblateRegion, held_out_states
from chisel.configs import ConfigError, version
from chisel.envs.maze import MOVE_OF_ACTION
from chisel.lab.agents import Offered
from chisel.lab.protocol import frame
from chisel.lab.serving import opened, page_files
from chisel.lab.session import Board, Session, Slot
from chisel.models import Mixture, ResidualUnit
from chisel.routing import Part, Region

LARGEST = 5 << 20
"""Size in bytes of the largest page that is written."""
MAZES = 64
"""Number of validation mazes in a page; norms of layers are means over them."""
SEEDS = 16
"""Number of seeds of random regions in a page."""

Arrays = dict[str, NDArray[Any]]


def offline_page(paths: Sequence[Path | str]) -> bytes:
    """Write the lab with some agents as one HTML file.

    Args:
        paths: Runs, checkpoints and folders of shipped weights, and maybe one session that the page
            saved.

    Raises:
        ConfigError: If an agent sees pixels or is of another family than Impala, or the page would
            be larger than `LARGEST`.
        CheckpointError: If there is no agent.
    """
    shelf, session = opened(paths)
    arrays: Arrays = {}
    held = []
    for number, name in enumerate(shelf.names):
        about, own = _held(shelf.open_maze(name))
        held.append(about)
        arrays |= {f"{number}/{key}": one for key, one in own.items()}
    if session is None:
        first = max(held[0]["mazes"], key=len)
        session = Session(Board(tuple(first)), (Slot(shelf.names[0]),))
    data = frame("agents", arrays, chisel=version(), session=session, agents=held)
    page = _page(base64.b64encode(data).decode())
    if len(page) > LARGEST:
        raise ConfigError(
            f"the page would have {len(page) / 2**20:.1f} MB, and at most {LARGEST >> 20} are "
            "written; give fewer agents"
        )
    return page


def _held(offered: Offered) -> tuple[dict[str, Any], Arrays]:
    """Return the data of an agent that the page holds: plain values, and arrays by name."""
    maze, model = offered.maze, offered.agent.model
    assert maze is not None
    if maze.observation == "pixels":
        raise ConfigError(
            f"{offered.name} sees procgen's pixels, which a page without a server cannot draw; "
            f"type chisel lab {offered.name}, or take an agent with env.observation=symbolic"
        )
    if offered.facts["model"] not in ("impala", "experts"):
        raise ConfigError(f"{offered.name} is no Impala network, nor a mixture of such")
    arrays: Arrays = {}
    heads = {"embedder": "embedder", "policy": "fc_policy", "critic": "fc_value"}
    network = {
        role: _module(model.get_submodule(name), name, arrays) for role, name in heads.items()
    }
    states = held_out_states(offered.agent, maze, levels=MAZES, split="validation", seed=0)
    facts = offered.facts
    about = {
        "facts": facts | {"vectors": [], "maze": facts["maze"] | {"mazes": MAZES}},
        "network": network,
        "mazes": [one.draw().splitlines() for one in states],
        "regions": _regions(offered, arrays) if offered.agent.regions else {},
        "moves": MOVE_OF_ACTION.tolist(),
    }
    return about, arrays


def _module(module: nn.Module, name: str, arrays: Arrays) -> dict[str, Any]:
    """Describe a module and its submodules, and put their weights into `arrays`.

    Raises:
        ConfigError: If the page cannot run it.
    """

    def inside(children: Sequence[str], parent: nn.Module = module, at: str = name) -> list[Any]:
        return [_module(parent.get_submodule(one), f"{at}.{one}", arrays) for one in children]

    named: dict[str, Any] = {"name": name}
    if isinstance(module, nn.Conv2d | nn.Linear):
        bias = module.bias
        assert bias is not None
        arrays[f"{name}.weight"], arrays[f"{name}.bias"] = _floats(module.weight), _floats(bias)
        return named | {"kind": "conv" if isinstance(module, nn.Conv2d) else "linear"}
    if isinstance(module, Mixture):
        experts = inside(list(module.experts), module.experts, f"{name}.experts")
        return named | {"kind": "mixture", "parts": experts, "gates": inside(["gate_net", "gate"])}
    if isinstance(module, ResidualUnit):
        branch = inside(["relu1", "conv1", "relu2", "conv2"])
        last = {"name": f"{name}.resadd", "kind": "sequence"}
        return named | {"kind": "residual", "parts": [*branch, last]}
    if isinstance(module, nn.Sequential):
        parts = inside([child for child, _ in module.named_children()])
        return named | {"kind": "sequence", "parts": parts}
    if type(module) not in _SIMPLE:
        raise ConfigError(f"{name} is a {type(module).__name__}, which the page cannot run")
    return named | {"kind": _SIMPLE[type(module)]}


_SIMPLE: dict[type[nn.Module], str] = {
    nn.MaxPool2d: "pool",
    nn.ReLU: "relu",
    nn.Flatten: "flatten",
    nn.Softmax: "softmax",
}


def _regions(offered: Offered, arrays: Arrays) -> dict[str, Any]:
    """Describe the regions and random ones, and put the mean of each unit into `arrays`."""
    regions = regions_of(offered.agent)
    found = {}
    for name, region in regions.items():
        controls, why = [], ""
        try:
            for seed in range(SEEDS):
                one = AblateRegion("ablate", name, control=True, seed=seed)
                controls.append(_parts(offered.ingredients.region(one)[0]))
        except ConfigError as error:
            why = str(error)
        found[name] = {"parts": _parts(region), "controls": controls, "why": why}
    places = {part.module: part for region in regions.values() for part in region.parts}
    whole = tuple(replace(part, units=tuple(range(part.size))) for part in places.values())
    means, _ = record_means(offered.agent, maze_run(offered.agent), {"all": Region("all", whole)})
    for part, mean in zip(whole, means["all"], strict=True):
        arrays[f"mean:{part.module}"] = _floats(mean)
    return found


def _parts(region: routing.Region) -> list[dict[str, Any]]:
    return [{"site": _site(part), "units": list(part.units)} for part in region.parts]


def _site(part: Part) -> str:
    if part.side != "output" or part.axis != 1 or part.element is not None:
        raise ConfigError(f"{part.module}: the page ablates units at outputs of modules only")
    return part.module


def _floats(values: Tensor) -> NDArray[Any]:
    found: NDArray[Any] = values.detach().float().cpu().numpy()
    return found.astype(np.float32)


def _page(agents: str) -> bytes:
    """Put the built page and its agents into one file that makes no requests."""
    contents = {name: data.decode() for name, data in page_files().items()}
    (script,) = (text for name, text in contents.items() if name.endswith(".js"))
    (style,) = (text for name, text in contents.items() if name.endswith(".css"))
    script = script.replace("</script", r"<\/script")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    icon = base64.b64encode(contents["icon.svg"].encode()).decode()
    parts = {
        r'<link rel="icon"[^>]*>': f'<link rel="icon" href="data:image/svg+xml;base64,{icon}" />',
        r'<link rel="stylesheet"[^>]*>': f"<style>{style}</style>",
        r'<meta charset="utf-8" />': '<meta charset="utf-8" />\n    <meta '
        f'http-equiv="Content-Security-Policy" content="{policy}" />',
        r'<script type="module"[^>]*></script>': "<script "
        f'type="application/octet-stream" id="chisel-lab-agents">{agents}</script>\n    '
        f'<script type="module">{script}</script>',
    }
    page = contents["index.html"]
    for pattern, put in parts.items():
        before, after = re.split(pattern, page)
        page = before + put + after
    return page.encode()


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
