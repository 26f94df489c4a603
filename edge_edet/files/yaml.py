"""Read YAML from people and tools (data.yaml, project files) as plain Python values, within limits.

PyYAML's safe constructors are used: no tag creates an object of a class. Some things that PyYAML
accepts are refused: a key that appears twice, aliases that expand to much more than the file holds
("billion laughs"), and aliases of a value that contains them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_edet.errors import InputError, MissingExtraError
from edge_edet.files.input import Limit, read_input

__all__ = ["LIMIT", "MAX_VALUES", "read_yaml"]

LIMIT = Limit(1 << 20, "a data.yaml or a project file is a short text")
MAX_VALUES = 200_000  # with every alias written out
MERGE_KEY = "<<"


def read_yaml(path: Path, what: str, *, as_text: bool = False, extra: str = "bench") -> object:
    """Read the one document in a file: dict, list, text, number, bool; None for an empty file.

    Parameters
    ----------
    path
        The file.
    what
        How messages name the file.
    as_text
        Keep every scalar as the text in the file, where YAML 1.1 would make `no` False, `1.10` 1.1
        and `12:30` 750: for names that people give.
    extra
        The extra of pyproject.toml to name where PyYAML is missing.

    Returns
    -------
    object
        The document.

    Raises
    ------
    InputError
        If the file does not exist, is not YAML or not UTF-8, or is over 1 MiB or the limits on
        aliases.
    MissingExtraError
        If PyYAML is not installed.
    """
    yaml = _pyyaml(extra)
    text = _text(path, what)
    try:
        loader = _loader(yaml, as_text)(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check(yaml, node, what)
            found: object = loader.construct_document(node)
            return found
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise InputError(f"{what} is not valid YAML: {_reason(error)}") from None
    except RecursionError:
        raise InputError(f"{what} is not valid YAML: it is nested too deeply") from None
    except (ValueError, OverflowError) as error:  # a date or a number that Python does not have
        raise InputError(f"{what} has a value that cannot be read: {_one_line(error)}") from None


def _pyyaml(extra: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise MissingExtraError(
            f"YAML needs the package PyYAML: pip install 'edge-edet[{extra}]'"
        ) from None
    return yaml


def _text(path: Path, what: str) -> str:
    data = read_input(path, what, LIMIT)
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{what} is not UTF-8 text: save it as UTF-8") from None


def _loader(yaml: Any, as_text: bool) -> Callable[[str], Any]:
    if not as_text:
        loader: Callable[[str], Any] = yaml.SafeLoader
        return loader

    class TextLoader(yaml.SafeLoader):  # type: ignore[misc]
        """Resolve no scalar: each stays a text."""

        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    return TextLoader


def _check(yaml: Any, root: Any, what: str) -> None:
    """Refuse keys that appear twice, and aliases beyond the limits, with InputError."""
    values: dict[int, int] = {}  # node -> how many values it stands for; 0 while inside it
    pending = [(root, False)]
    while pending:
        node, closing = pending.pop()
        if closing:
            values[id(node)] = 1 + sum(values[id(part)] for part in _parts(yaml, node))
            if values[id(node)] > MAX_VALUES:
                raise InputError(f"{what} has more than {MAX_VALUES:,} values, with its aliases")
        elif id(node) not in values:
            _check_keys(yaml, node, what)
            values[id(node)] = 0
            pending.append((node, True))
            pending.extend((part, False) for part in _parts(yaml, node))
        elif values[id(node)] == 0:
            raise InputError(f"{what} has an alias of a value that contains it, at {_line(node)}")


def _parts(yaml: Any, node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _check_keys(yaml: Any, node: Any, what: str) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[tuple[str, str]] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value != MERGE_KEY:
            if (key.tag, key.value) in seen:
                raise InputError(
                    f"{what} has the key {key.value!r} twice, the second time at {_line(key)}"
                )
            seen.add((key.tag, key.value))


def _line(node: Any) -> str:
    return f"line {node.start_mark.line + 1}"


def _reason(error: Any) -> str:
    """Return PyYAML's message on one line: the problem and where it is."""
    problem = getattr(error, "problem", None)
    mark = getattr(error, "problem_mark", None)
    if not problem:
        return _one_line(error)
    return " ".join(problem.split()) + (f", line {mark.line + 1}" if mark is not None else "")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
