"""Which process wrote a line of a log, by the prefix that the logger put before the message.

Of all that loggers put there only the process id is read, to keep two programs apart whose lines
alternate in one log. An unknown prefix is no error: the process of its line is then unknown.

Sources: AOSP, system/logging/liblog/logprint.cpp (logcat's formats and their modifiers); Android
Studio's two logcat windows, old to Electric Eel, new since, and the JSON that the new one exports;
NSLog and `log show` of macOS and iOS; RFC 3164 (syslog), journalctl; glog and Abseil.
"""

from __future__ import annotations

import re

__all__ = ["NOISE", "header_process", "process"]

# Colours, titles, and the bytes that CRLF or UTF-16 leave behind.
NOISE = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00\r]")

LEVEL = r"[VDIWEFAS]"
PREFIXES = [  # logger, its prefix; group 1 is the process id
    ("Android Studio, new", re.compile(r"(?:^|:\d\d\.\d+\s+)(\d+)-\d+\s+(?!\d\d:\d\d:)\S")),
    ("Android Studio, old", re.compile(r"(?:^|\s)(\d+)-\d+/\S+ ")),
    ("logcat -v threadtime", re.compile(rf"\s(\d+) +\d+ {LEVEL} ")),  # a uid stands before
    ("logcat -v brief, time", re.compile(rf"(?:^|\s){LEVEL}/.*?\((?: *\w+:)? *(\d+)\): ")),
    ("logcat -v process, thread", re.compile(rf"(?:^|\s){LEVEL}\( *(\d+)(?:: *\w+)*\) ")),
    ("log show", re.compile(r"\s0x[0-9a-f]+\s+\w+\s+0x[0-9a-f]+\s+(\d+)\s+\d+\s")),
    ("glog, Abseil", re.compile(r"(?:^|\s)[IWEF]\d{4,8} \d\d:\d\d:\d\d\.\d+ +(\d+) \S+:\d+\] ")),
    ("NSLog, syslog, journalctl", re.compile(r"[\w)]\[(\d+)(?::\w+)?\](?:: | [<(\[]| ?$| \w)")),
    ("JSON", re.compile(r"\"(?:pid|_PID|processID|process_id)\" ?: ?\"?(\d+)")),
]
HEADERS = [  # logger, a line of its own before the message; group 1 is the process id
    ("logcat -v long", re.compile(rf"^\[ .*?(\d+): *\d+ {LEVEL}/.*\]$")),
    ("Android Studio, exported", re.compile(r"^\s*\"pid\": (\d+),$")),
]


def header_process(line: str) -> str | None:
    """Find the process id of the messages that follow a header line; None for any other line."""
    return _first(HEADERS, line)


def process(prefix: str) -> str | None:
    """Find the process id in the prefix of a message; None where it has none."""
    return _first(PREFIXES, prefix)


def _first(ways: list[tuple[str, re.Pattern[str]]], text: str) -> str | None:
    return next((found[1] for _, way in ways if (found := way.search(text))), None)
