"""Small requests of the studies of SafeLife."""

from pathlib import Path
from shutil import copy

from tests.analysis.safelife.untrained import save_untrained

TRACES = Path(__file__).parents[1] / "safelife" / "traces"

CASES = {
    "safelife-replay": {"traces": "agent"},
    "safelife-levels": {"levels": "2", "episodes": "2"},
    "side-effects": {"levels": "2"},
    "safelife-compare": {"levels": "2", "share": "0.5"},
    "safelife-videos": {"levels": "1", "steps": "5"},
}


def agent_for(study: str, folder: Path) -> str | None:
    """Save untrained agents, or put a trace where the request looks for it."""
    if study == "safelife-levels":
        return None
    folder.mkdir()
    if study == "safelife-replay":
        copy(TRACES / "prune-left.npz", folder)
        return None
    first = save_untrained(folder / "first")
    if study == "side-effects":
        return first
    return f"{first},{save_untrained(folder / 'second', 'safelife/naive', 'seed=1')}"
