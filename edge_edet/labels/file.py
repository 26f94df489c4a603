"""Label files as tools write them: one name a line, indices before names, a TF label map (.pbtxt).

Names by line: line 1 is class 0; empty lines and `???` within are unused classes. With a background
line in front (`???` of TensorFlow's labelmap.txt, `background` of AutoML's dict.txt) there is one
line more than the model has classes, as TFLite_Detection_PostProcess does not count the background.

Indices before names (`0 person`, `0: person`, `0,person`), as Coral, Frigate and AutoML write them:
where every line begins with one and they rise. Gaps are unused classes. A name that begins with a
number (`7up`, `1 litre bottle`) stays whole, since not every line begins so.

Names before indices (`person,0`, `person: 0`), as keras-retinanet's class files have them: where every
line ends so and the numbers are all there.

A label map has ids from 1 on (object_detection/protos/string_int_label_map.proto: 0 is the
background), so that id 1 is class 0.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from edge_edet.errors import InputError, ModelFileError
from edge_edet.files import Limit, read_input
from edge_edet.labels.map import BACKGROUND, read_label_map
from edge_edet.terminal import unfit

__all__ = ["LabelFile", "check_names", "parse_label_text", "read_label_file"]

MAX_LABELS = 100_000
LIMIT = Limit(2**22, "a label has a name, not a text, and there are at most 100,000")
UNUSED = ("???", "n/a", "N/A", "unused", "")

_NAME_FIRST = re.compile(r"(.*\D.*?)\s*[,:;=\t]\s*([0-9]{1,6})")
_INDEXED = re.compile(r"(\d{1,6})(?:\s*[:,;=|]\s*|\s+-\s+|[.)]\s+|\s+|$)(.*)")
_LABEL_MAP = re.compile(r"item\s*:?\s*([{<]|(#.*)?$)")
# JSON, XML, and YAML such as data.yaml
_STRUCTURED = re.compile(r"\{|\[\s*([\"'{]|$)|<[?!]|---\s*$|(nc|path|train|val)\s*:")
_NAMES_KEY = re.compile(r"^names\s*:", re.MULTILINE)


class LabelFile(NamedTuple):
    """The labels of a file.

    Attributes
    ----------
    names
        By class id; None for an unused class.
    note
        How the file was read, where it was not simply one name a line.
    """

    names: tuple[str | None, ...]
    note: str | None = None


def read_label_file(path: Path, num_classes: int | None = None) -> LabelFile:
    """Read a label file; see `parse_label_text`.

    Parameters
    ----------
    path
        Of the file.
    num_classes
        Of the model; None where it is not known.

    Returns
    -------
    LabelFile
        The names, and the form that was read.

    Raises
    ------
    InputError
        Where it cannot be read.
    ModelFileError
        As by `parse_label_text`.
    """
    try:
        text = read_input(path, f"labels from {str(path)!r}", LIMIT).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"cannot read labels from {str(path)!r}: byte {error.start} is not UTF-8; expected a "
            "text of names"
        ) from None
    return parse_label_text(text, f"label file {str(path)!r}", num_classes)


def check_names(names: Sequence[str | None], what: str) -> None:
    """Refuse names with control characters, which could change a terminal, with ModelFileError.

    Parameters
    ----------
    names
        Name of each class; None: it has none.
    what
        How messages name where they come from.

    Raises
    ------
    ModelFileError
        For a name with control characters, which could change a terminal.
    """
    for number, name in enumerate(names):
        if name is not None and (found := unfit(name)):
            raise ModelFileError(
                f"{what}: the name of class {number}, {name!r}, has the control character {found}: take "
                "it out"
            )


def parse_label_text(text: str, what: str, num_classes: int | None = None) -> LabelFile:
    """Parse the text of a label file, in any of the forms at the top of this module.

    Parameters
    ----------
    text
        The content of a label file.
    what
        How messages name the text.
    num_classes
        Of the model, None where it is not known. With it, indices from 1 to num_classes are read as
        classes 0 to num_classes - 1, and a background line in front is left out. The caller checks
        the number of names of a file with one name a line.

    Returns
    -------
    LabelFile
        The names, and the form that was read.

    Raises
    ------
    ModelFileError
        If there are no labels, they can be read in two ways, or a name has control characters.
    """
    for number, line in enumerate(re.split("\r\n|\r|\n", text.removeprefix("\ufeff")), 1):
        if (letter := unfit(line)) and "\0" not in text:
            raise ModelFileError(
                f"{what} line {number} has the control character {letter}: take it out"
            )
    found = _parse(text, what, num_classes)
    check_names(found.names, what)
    return found


def _parse(text: str, what: str, num_classes: int | None) -> LabelFile:
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if "\0" in text or not lines or len(lines) > MAX_LABELS:
        count = "a zero byte" if "\0" in text else f"{len(lines)} labels"
        raise ModelFileError(f"{what} has {count}, expected 1 to {MAX_LABELS}, one a line")
    first = next(line for line in lines if line)
    start = next((line for line in lines if line and line[0] != "#"), first)
    if _LABEL_MAP.match(start) and re.search("[{<]", text):
        return _one_based(read_label_map(text, what), what, num_classes, "id")
    if _STRUCTURED.match(first) or _NAMES_KEY.search(text):
        raise ModelFileError(
            f"{what} begins with {first[:20]!r}, which is no label: expected one name a line, "
            "lines such as '0 person', or a label map (.pbtxt); write the names alone into a .txt"
        )
    indexed = _indexed(lines, num_classes) or _name_first(lines)
    if indexed is not None:
        return _by_index(indexed, lines, what, num_classes)
    names = tuple(None if line in UNUSED else line for line in lines)
    if num_classes is not None and len(names) == num_classes + 1 and _is_background(lines[0]):
        return LabelFile(names[1:], f"its first line {lines[0]!r} is the background, no class")
    numbered = [line for line in lines if (found := _INDEXED.fullmatch(line)) and found[2]]
    if numbered and len(numbered) * 2 > len(lines):
        note = f"{numbered[0]!r} is a whole name, as not every line begins with a rising index"
        return LabelFile(names, note)
    return LabelFile(names)


def _is_background(line: str) -> bool:
    return line.casefold() in BACKGROUND


def _indexed(lines: Sequence[str], num_classes: int | None) -> dict[int, str] | None:
    """Index -> name where every line begins with a rising index, or all indices are there."""
    found = [_INDEXED.fullmatch(line) for line in lines if line]
    if not all(found) or not any(match and match[2] for match in found):
        return None  # lines of digits only are names: of digits
    pairs = [(int(match[1]), match[2]) for match in found if match]
    numbers = [number for number, _ in pairs]
    rising = all(a < b for a, b in itertools.pairwise(numbers))
    whole = sorted(numbers) in ([*range(len(numbers))], [*range(1, len(numbers) + 1)])
    if not rising and not whole:
        return None
    if min(numbers) > 1 and num_classes == len(numbers):  # `5 euro`, `10 euro`
        return None
    return {number: _unquoted(name) for number, name in pairs}


def _name_first(lines: Sequence[str]) -> dict[int, str] | None:
    """Index -> name where every line is like `person,0` or `person: 0` (keras-retinanet's class files).

    The numbers must be complete, from 0 or 1 on. A space alone is no separator: `class 0` is a name.
    """
    found = [_NAME_FIRST.fullmatch(line) for line in lines if line]
    pairs = {int(match[2]): match[1].strip() for match in found if match}
    if len(pairs) != len(found) or sorted(pairs) not in (
        [*range(len(pairs))],
        [*range(1, len(pairs) + 1)],
    ):
        return None
    return {number: _unquoted(name) for number, name in pairs.items()}


def _unquoted(name: str) -> str:
    """Strip quotes and a comma: lines copied from a dictionary are like `'person',`."""
    bare = name.rstrip(",").rstrip()
    return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"" else name


def _by_index(
    names: Mapping[int, str], lines: Sequence[str], what: str, num_classes: int | None
) -> LabelFile:
    counts = Counter(name for name in names.values() if name not in UNUSED)
    twice = [name for name, count in counts.items() if count > 1]
    # Not of files that begin with 0: Frigate's has `2 car` and `7 car`.
    if min(names) and len(counts) * 2 <= sum(counts.values()):
        raise ModelFileError(
            f"{what}: every line begins with a number, such as {lines[0]!r}, and without the "
            f"numbers {twice[0]!r} is there twice: if they belong to the names, write an index "
            f"before them, '0 {lines[0]}'"
        )
    least, most = min(names), max(names)
    if num_classes is not None and most >= num_classes:
        without = {n: name for n, name in names.items() if n or not _is_background(name)}
        if min(without, default=0) > 0 and most == num_classes:
            return _one_based(without, what, num_classes, "index")
        raise ModelFileError(
            f"{what} has indices from {least} to {most}, but the model has {num_classes} classes, "
            f"0 to {num_classes - 1}"
        )
    if least == 1 and num_classes is not None and most < num_classes - 1:
        raise ModelFileError(
            f"{what} has indices from 1 to {most}, and the model has {num_classes} classes: it does "
            f"not say whether 1 is the first or the second one; begin with 0, or end with "
            f"{num_classes} if 1 is the first"
        )
    note = f"each line has its index, such as {lines[0]!r}"
    if least:
        note += f"; class {'0 is' if least == 1 else f'0 to {least - 1} are'} unused"
    return LabelFile(_filled(names, num_classes), note)


def _one_based(
    names: Mapping[int, str], what: str, num_classes: int | None, word: str
) -> LabelFile:
    most = max(names)
    if num_classes is not None and most > num_classes:
        raise ModelFileError(f"{what}: {word} {most}, but the model has {num_classes} classes")
    shifted = {number - 1: name for number, name in names.items()}
    return LabelFile(_filled(shifted, num_classes), f"{word} 1 is class 0")


def _filled(names: Mapping[int, str], num_classes: int | None) -> tuple[str | None, ...]:
    count = max(names) + 1 if num_classes is None else num_classes
    if count > MAX_LABELS:
        raise ModelFileError(f"labels up to class {count - 1}, expected at most {MAX_LABELS}")
    found = (names.get(number, "") for number in range(count))
    return tuple(None if name in UNUSED else name for name in found)
