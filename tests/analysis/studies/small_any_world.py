"""Small requests of the studies that know no world, on a maze agent with two regions."""

from chisel.models import load_agent
from chisel.routing import resolve
from tests.analysis.conftest import make_run, units

CASES = {
    "probes": {"levels": 20, "validation": 20, "test": 20, "layers": "input,fc_policy"},
    "integrated-gradients": {"module": "embedder.block1.conv", "levels": 4, "steps": 2, "top": 1},
    "steering-vector": {"module": "embedder.fc", "levels": 4, "coeffs": "-1,0.5"},
    "ablation": {"levels": 6, "controls": 1},
    "selective-ablation": {"levels": 6, "controls": 1, "share": 0.25},
}
FIXED = ("mode", "split", "states", "gates")


def agent_for(study, folder):
    """Make an untrained maze agent whose hidden units are in two regions."""
    if study == "selective-ablation":
        return make_run(folder, overrides=["env.goals=cheese-and-corner", "env.cheese=stock"])
    declared = {"first": units("0:2"), "second": units("2:4")}
    plain = resolve(load_agent(make_run(folder / "plain")).model, declared).to_plain()
    return make_run(folder / "routed", regions=plain)
