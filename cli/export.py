"""`chisel export`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chisel.cli.arguments import existing, take, words_and_settings
from chisel.configs import THREADS, ConfigError

USAGE = "chisel export lab RUN … [SESSION.json] [to=FILE.html] [threads=N]"

HELP = """\
usage: chisel export lab RUN … [SESSION.json] [to=FILE.html]
                         [threads=N]

Writes the browser lab with one or several agents as an HTML file, which opens
in any browser without Chisel, a server or a network. The page runs the neural
network itself: draw mazes, clamp activations, add vectors, ablate regions. It
takes agents that see symbols (env.observation=symbolic), with an Impala network
or a mixture of experts.

  RUN                 a run's folder, a checkpoint, or a shipped agent
  SESSION.json        a session that the lab's page saved, to open with
  to=FILE.html        file to write; lab.html if left out
  threads=2           torch's CPU threads; left out, one for each core that
                      nothing else keeps busy

examples:
  chisel export lab agents:maze-quick
  chisel export lab agents:maze-routed-dropping to=routed.html"""


def run(arguments: Sequence[str]) -> None:
    """Write the page, and print its path and size."""
    words, settings = words_and_settings(arguments)
    to, settings = take(settings, "to")
    text, settings = take(settings, THREADS.name)
    threads = THREADS.read(text)
    if words[:1] != ["lab"] or len(words) < 2 or settings:
        what = settings[0] if settings else " ".join(words[:1]) or "what to export"
        raise ConfigError(f"{what}: usage: {USAGE}")
    file = Path(to or "lab.html")
    if file.suffix != ".html":
        raise ConfigError(f"to={to}: must end with .html")
    paths = [existing(word) for word in words[1:]]
    # Heavy: only once the arguments are known to be good.
    from chisel.analysis.results import choose_threads, torch_threads
    from chisel.lab import offline_page

    with torch_threads(threads or choose_threads()):
        page = offline_page(paths)
    file.write_bytes(page)
    print(f"{file}: {len(page) / 2**20:.1f} MB; open it in a browser")
