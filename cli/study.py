"""`chisel study`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

from chisel.cli.arguments import existing, one_word
from chisel.configs import parse_settings, registry

USAGE = "chisel study STUDY [checkpoint=RUN] [key=value …] [out=FOLDER]"

HELP = f"""\
usage: {USAGE}

Runs a study from `chisel list` and prints the folder with its tables, JSON and figures: that is
studies/STUDY in the run, with other options than the defaults studies/STUDY-OPTIONS, unless out=
names another. checkpoint is a run's folder, a checkpoint, a folder of shipped weights, or a
published .pth file with env=EXPERIMENT; what is no run's is in studies/STUDY/NAME-DIGEST here.
`chisel study STUDY --help` lists a study's options.

examples:
  chisel study vector-field checkpoint=runs/maze/quick/NAME
  chisel study vector-field checkpoint=runs/maze/quick/NAME levels=12 split=train out=figures
  chisel study localization checkpoint=runs/maze/routed/NAME"""


def run(arguments: Sequence[str]) -> None:
    """Run a study."""
    name, settings = one_word(arguments, "STUDY", USAGE)
    registry.get("study", name)
    options = parse_settings(settings)
    if options.get("checkpoint") is not None:
        for part in str(options["checkpoint"]).split(","):
            existing(part)
    from chisel.analysis import studies  # heavy: only once the arguments are known to be good

    print(studies.run(name, **options))


def about(name: str) -> str:
    """Return help on a study: what it does, and its options with their defaults."""
    study = registry.resolve("study", name)
    if inspect.signature(study).return_annotation == "Result":
        from chisel.analysis.results import options_help  # heavy

        return options_help(name, study)
    summary, _, details = (inspect.getdoc(study) or "").partition("\n\nArgs:\n")
    parameters = inspect.signature(study).parameters
    lines = [f"usage: chisel study {name} {_words(parameters)}", "", summary, ""]
    for line in details.partition("\n\n")[0].splitlines():
        option, colon, _ = line.strip().partition(":")
        default = _default(parameters[option]) if colon and option in parameters else ""
        lines.append(line.replace(":", f" (={default}):", 1) if default else line)
    return "\n".join(lines).rstrip()


def _words(parameters: Mapping[str, inspect.Parameter]) -> str:
    needed = [f"{key}={key.upper()}" for key, one in parameters.items() if one.default is one.empty]
    return " ".join([*needed, "[key=value …]"])


def _default(parameter: inspect.Parameter) -> str:
    """Return a default as it is typed; empty if there is none."""
    if parameter.default in (parameter.empty, None):
        return ""
    default = str(parameter.default)
    return default.lower() if isinstance(parameter.default, bool) else default
