"""`chisel study`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chisel import configs
from chisel.cli.arguments import existing, one_word
from chisel.cli.list_components import columns, studies
from chisel.configs import parse_settings, registry

USAGE = "chisel study STUDY [checkpoint=RUN] [key=value …] [out=FOLDER]"

HELP = f"""\
usage: {USAGE}

Runs a study and prints the folder with its tables, JSON and figures: that is
studies/STUDY in the run, with other options than the defaults
studies/STUDY-OPTIONS, unless out= names another. checkpoint is a run's folder,
a checkpoint, a shipped agent such as agents:maze-quick, or a published .pth
file with env=EXPERIMENT; what is no run's is in studies/STUDY/NAME-DIGEST here.
`chisel study STUDY help` lists a study's options.

examples:
  chisel study vector-field checkpoint=agents:maze-quick
  chisel study probes checkpoint=runs/maze/quick/NAME levels=500 out=figures
  chisel study localization checkpoint=runs/maze/routed/NAME"""


def run(arguments: Sequence[str]) -> None:
    """Run a study."""
    name, settings = one_word(arguments, "STUDY", USAGE)
    registry.get("study", name)
    options = parse_settings(settings)
    if options.get("checkpoint") is not None:
        for part in str(options["checkpoint"]).split(","):
            existing(part)
    from chisel.analysis.results import run_study  # heavy: once the arguments are known to be good

    run_study(name, registry.resolve("study", name), options, written=_print_folder)


def _print_folder(folder: Path) -> None:
    """Print where results are, and on the last line the page, if there is one to open."""
    for path in (folder, *sorted(folder.glob("*.html"))):
        print(path)


def about(name: str) -> str:
    """Return help on a study: what it does, and its options with their types and defaults.

    Without a name it is help on the command, with all studies.
    """
    if not name:
        return f"{HELP}\n\n{studies()}"
    try:
        return configs.study_help(name, columns())
    except configs.UnreadableError:
        from chisel.analysis.results import options_help  # heavy: only where its file can't say

        return options_help(name, registry.resolve("study", name), columns())
