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

Runs a study and prints the folder with its tables, JSON and figures. This is
studies/STUDY in the run's folder, or studies/STUDY-OPTIONS if options differ
from the defaults, unless out= names another. checkpoint is a run's folder, a
checkpoint, a shipped agent such as agents:maze-quick, or a published .pth file
with env=EXPERIMENT. If it belongs to no run, the folder is
studies/STUDY/NAME-DIGEST in the current one. `chisel study STUDY help` lists a
study's options.

examples:
  chisel study vector-field checkpoint=agents:maze-quick
  chisel study probes checkpoint=runs/maze/quick/NAME levels=500 out=figures
  chisel study localization checkpoint=runs/maze/routed/NAME"""


def run(arguments: Sequence[str]) -> None:
    """Run a study and print the folder of its results."""
    name, settings = one_word(arguments, "STUDY", USAGE)
    registry.get("study", name)
    options = parse_settings(settings)
    if options.get("checkpoint") is not None:
        for part in str(options["checkpoint"]).split(","):
            existing(part)
    from chisel.analysis.results import run_study  # heavy: once the arguments are known to be good

    run_study(name, registry.resolve("study", name), options, written=_print_folder)


def _print_folder(folder: Path) -> None:
    """Print the folder of the results, then the HTML pages in it."""
    for path in (folder, *sorted(folder.glob("*.html"))):
        print(path)


def about(name: str) -> str:
    """Return help on a study: a description, and its options with types and defaults.

    Args:
        name: Name of the study; "" returns help on the command, with a list of all studies.
    """
    if not name:
        return f"{HELP}\n\n{studies()}"
    try:
        return configs.study_help(name, columns())
    except configs.UnreadableError:
        from chisel.analysis.results import options_help  # heavy: only if its file isn't enough

        return options_help(name, registry.resolve("study", name), columns())
