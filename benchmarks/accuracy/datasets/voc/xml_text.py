"""Decode XML files of labelling tools: GBK, Shift_JIS or UTF-16, declared correctly or not.

Python's own parser knows no multi-byte encodings but UTF-8 and UTF-16, so bytes are decoded here.
"""

from __future__ import annotations

import codecs
import re

__all__ = ["UNREADABLE", "decode_xml"]

UNREADABLE = "\ufffd"  # replaces bytes that are no text in the encoding
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
# Encodings whose files may use the larger one under the same name (as browsers read them).
WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "cp950",
}
NOT_PYTHONS = {"windows-31j": "cp932", "x-sjis": "cp932", "x-gbk": "gbk"}  # Java's names
# Encodings of Python that no file uses.
NO_TEXT = ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7")
ONE_BYTE = ("cp125", "iso8859", "koi8", "mac-", "ascii", "cp437", "cp85", "cp86")


def decode_xml(data: bytes) -> tuple[str, bool]:
    """Return the text without its declaration, and whether it has the encoding that it declares.

    Bytes that cannot be decoded become UNREADABLE.
    """
    for mark, marked in MARKS:
        if data.startswith(mark):
            return _without(data.decode(marked, "replace")), True
    if b"\0" in data[:4]:  # UTF-16 without a mark
        return _without(
            data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", "replace")
        ), True
    match = DECLARED.match(data)
    declared = _codec(match[1].decode() if match else "utf-8")
    if declared not in (None, "utf-8") and _is_utf8(data, declared):
        return _without(data.decode()), False
    for encoding in [] if declared is None else [declared, WIDER.get(declared, declared)]:
        try:
            return _without(data.decode(encoding)), True
        except UnicodeDecodeError:
            pass
    return _without(data.decode("utf-8", "replace")), False


def _is_utf8(data: bytes, declared: str) -> bool:
    """Return whether it is UTF-8 beyond doubt: text in `declared` would hardly ever look like it."""
    if data.isascii():
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return declared.startswith(ONE_BYTE) or max(data) >= 0xE0  # three bytes in a row agree


def _codec(name: str) -> str | None:
    """Python's name of an encoding in which markup is ASCII, None for any other."""
    try:
        found = codecs.lookup(NOT_PYTHONS.get(name.lower(), name)).name
        ascii_markup = "<a>".encode(found) == b"<a>"
    except (LookupError, ValueError):
        return None
    return found if ascii_markup and found not in NO_TEXT else None


def _without(text: str) -> str:
    return DECLARATION.sub("", text.lstrip("\ufeff"), count=1).lstrip()
