"""Small requests of the studies of SafeLife; none of them is about an agent."""

from pathlib import Path
from shutil import copy

TRACES = Path(__file__).parents[1] / "safelife" / "traces"

CASES = {
    "safelife-replay": {"traces": "agent"},
    "safelife-levels": {"levels": "2", "episodes": "2"},
}


def agent_for(study: str, folder: Path) -> None:
    """Put a trace where the request looks for it; the study is about no agent."""
    folder.mkdir()
    copy(TRACES / "prune-left.npz", folder)
