"""Read YAML strictly: one plain document without duplicate keys, aliases or tags.

Scalars stay text, except null, until the schema says their type. So `name: 007` keeps its zeros,
`learning_rate: 5e-4` is a number, and `on` becomes True only for options that are true or false.
"""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from chisel.configs.errors import ConfigError

MAX_BYTES = 100_000
MAX_DEPTH = 50
"""Limits far above any config; larger files are mistakes that would take long to parse."""


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that converts no types but null, and refuses repeated keys, aliases and tags."""

    yaml_implicit_resolvers = {  # noqa: RUF012  the base class declares it this way
        first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith(":null")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    depth = 0
    """Nesting depth of the node that is being read."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs give it no types
        _refuse_what_no_config_needs(event, self.depth)
        self.depth += 1
        try:
            node: yaml.Node | None = super().compose_node(parent, index)
            return node
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="a key must be a word", problem_mark=key.start_mark
                )
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def parse(text: str, source: str) -> Any:
    """Parse one YAML document.

    Args:
        text: The document.
        source: Name of the document for an error message.

    Returns:
        Dicts and lists, with scalars as text or None.

    Raises:
        ConfigError: If the text is not plain YAML; the message names the line.
    """
    try:
        return deepcopy(_parsed(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigError(f"{source}{line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{source} is not readable YAML: {_first_line(error)}") from error


@cache
def _parsed(text: str) -> Any:
    """Parse a document once; programs load the same few experiments over and over."""
    return yaml.load(text, _StrictLoader)


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises:
        ConfigError: If the file is missing, too large or not UTF-8, or has no mapping at the top.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} has more than {MAX_BYTES:,} bytes; is it a config?")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; is it a config?") from error
    data = parse(text, str(path))
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold keys and values, like `seed: 0`")
    return data


def _refuse_what_no_config_needs(event: yaml.Event, depth: int) -> None:
    if depth >= MAX_DEPTH and isinstance(event, yaml.CollectionStartEvent):
        problem = "nested too deeply"
    elif isinstance(event, yaml.AliasEvent):
        problem = "aliases are not supported, write the value out"
    elif getattr(event, "tag", None) not in (None, "!"):
        problem = "tags are not supported, write a plain value"
    else:
        return
    mark = cast(yaml.error.Mark, event.start_mark)  # the parser always sets it
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
