r"""Show text of files, servers and people in a terminal, a table, a figure or a spreadsheet.

Such text is data. Characters that would control a terminal, reverse the order of letters or break a
line are shown like \u001b, which means the same in JSON. Passwords in addresses are not shown.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

__all__ = [
    "csv_cell",
    "joined",
    "shown",
    "shown_address",
    "shown_streams",
    "unfit",
    "without_passwords",
    "xml_text",
]

_STEERING = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 without tab and line ends, DEL, C1
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ALONE = "\ud800-\udfff"  # halves of surrogate pairs, as of names that are not UTF-8
_LINES = "\u2028\u2029"
_STREAM = re.compile(f"[{_STEERING}{_BIDI}{_ALONE}{_LINES}]")
_LINE = re.compile(f"[\t\n\r{_STEERING}{_BIDI}{_ALONE}{_LINES}]")
_NAME = re.compile(f"[\n\r{_STEERING}{_BIDI}{_ALONE}{_LINES}]")
_NO_XML = re.compile(f"[{_STEERING}{_BIDI}{_ALONE}\ufffe\uffff]")
_INNER_RETURN = re.compile(r"(?<=[^\r\n])\r(?=[^\r\n])")
# not the word that help and hints have where a password goes
_NO_PLACEHOLDER = r"(?!PASSWORD@HOST)"
_PASSWORD = re.compile(
    rf"([A-Za-z][A-Za-z0-9+.-]*://)([^\s/?#:@'\"]*):(?!\d+(?:/|$)){_NO_PLACEHOLDER}[^\s'\"]*@"
)
_QUERY = re.compile(
    r"([?&;][\w.-]*(?:pass|pwd|token|secret|api_?key|auth)[\w.-]*=)(?!\*\*\*)[^\s&;#'\"]+",
    re.IGNORECASE,
)
# of a text that is one address: its password may hold spaces and quotes, and of RTSP begin like a port
_WHOLE = re.compile(
    r"(rtsps?://[^/?#:@]*(?=:)|[A-Z][A-Z0-9+.-]*://[^/?#:@]*(?=:(?!\d+(?:/|$)))):.*@",
    re.DOTALL | re.IGNORECASE,
)
_TOKEN = re.compile(r"(https?://)[^\s/?#@'\":]+@", re.IGNORECASE)
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the wide ones too, which Excel takes
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?%?")
_ONE_LINE = ("note: ", "edge-edet: ")


def shown(text: str) -> str:
    """Return the text in one line, without characters that control a terminal.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    str
        The text to print.
    """
    return without_passwords(_LINE.sub(_code, text))


def joined(lines: Iterable[str]) -> str:
    """Join lines of a table; none of them can become more than one line.

    Parameters
    ----------
    lines
        Of a table.

    Returns
    -------
    str
        The text, without an end of line.
    """
    return "\n".join(shown(line) for line in lines)


def without_passwords(text: str) -> str:
    """Replace passwords and tokens in addresses by ***."""
    if "://" not in text:
        return text
    text = _PASSWORD.sub(r"\1\2:***@", text)
    return _QUERY.sub(r"\1***", _TOKEN.sub(r"\1***@", text))


def shown_address(text: str) -> str:
    """Return one address as `shown` does; its password may hold spaces and quotes, which end one in a text.

    Parameters
    ----------
    text
        An address and nothing else.

    Returns
    -------
    str
        The text to print.
    """
    return shown(_WHOLE.sub(r"\1:***@", text))


def unfit(text: str) -> str | None:
    """Return the first character that no name may have, as it is shown; None if there is none.

    Parameters
    ----------
    text
        A name.

    Returns
    -------
    str | None
        The character, escaped.
    """
    found = _NAME.search(text)
    return _code(found) if found else None


def xml_text(text: str) -> str:
    """Escape the characters of a document that XML cannot hold.

    Parameters
    ----------
    text
        A whole document.

    Returns
    -------
    str
        The document to write.
    """
    return _NO_XML.sub(_code, text)


def csv_cell(value: Any) -> Any:
    """Escape a text that a spreadsheet would take for a formula; other values stay.

    Parameters
    ----------
    value
        Of a cell.

    Returns
    -------
    Any
        The value to write.
    """
    if not isinstance(value, str):
        return value
    text = _STREAM.sub(_code, without_passwords(value))
    if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def _code(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


class _Stream:
    """A text stream that escapes what is written to it; the carriage returns of a bar stay."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        safe = _STREAM.sub(_code, without_passwords(text))
        safe = _INNER_RETURN.sub(r"\\u000d", safe)
        if safe.startswith(_ONE_LINE):
            safe = " ".join(safe[:-1].splitlines()) + safe[-1:]
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            safe.encode(encoding)
        except UnicodeEncodeError:
            safe = "".join(_encodable(letter, encoding) for letter in safe)
        except LookupError:
            pass
        self._stream.write(safe)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)


def _encodable(letter: str, encoding: str) -> str:
    """Escape a letter that the stream's encoding lacks, as JSON does."""
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        data = letter.encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{data[n : n + 2].hex()}" for n in range(0, len(data), 2))
    return letter


@contextlib.contextmanager
def shown_streams() -> Iterator[None]:
    """Escape everything that is printed meanwhile, see `_Stream`.

    Yields
    ------
    None
        Nothing; the block runs meanwhile.
    """
    before = sys.stdout, sys.stderr
    wrapped = [one if one is None or isinstance(one, _Stream) else _Stream(one) for one in before]
    sys.stdout, sys.stderr = wrapped
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
