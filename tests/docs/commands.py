"""Whether a command line on a page, or in a row of results, is one that Chisel accepts."""

from __future__ import annotations

from collections.abc import Sequence

from chisel import configs
from chisel.analysis.results import options_of
from chisel.cli.arguments import take_launch
from chisel.configs import read_options


def check_arguments(words: Sequence[str]) -> None:
    """Check the words after `chisel`, as far as no run must exist.

    Raises:
        ConfigError: The experiment, the study or an option does not exist.
    """
    if words[0] == "train":
        configs.load_grid(words[1], take_launch(words[2:])[2])
    elif words[0] == "study":
        options = options_of(words[1], configs.registry.resolve("study", words[1]))
        read_options(words[1], options, configs.parse_settings(words[2:]))
    elif words[0] == "reproduce":
        configs.read_page(words[1])
