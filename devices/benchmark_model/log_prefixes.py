"""Which process wrote a line of a log, as far as what stands before the message tells.

Loggers put all kinds of things before a message. Only the process's number is read from them: so
that two programs whose lines alternate in one log stay apart. A prefix that is not known here is
no error, it tells no process.

Sources: AOSP, system/logging/liblog/logprint.cpp (logcat's formats and their modifiers); Android
Studio's two logcat windows, old to Electric Eel, new since, and the JSON that the new one exports;
NSLog and `log show` of macOS and iOS; RFC 3164 (syslog), journalctl; glog and Abseil.
"""

from __future__ import annotations

import re

__all__ = ["NOISE", "header_process", "process"]

# Colours, titles, and what a line end or a wider encoding leaves behind.
NOISE = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00\r]")

LEVEL = r"[VDIWEFAS]"
PREFIXES = [  # logger, what its prefix looks like; group 1 is the process
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
HEADERS = [  # logger, a line before the message's own; group 1 is the process
    ("logcat -v long", re.compile(rf"^\[ .*?(\d+): *\d+ {LEVEL}/.*\]$")),
    ("Android Studio, exported", re.compile(r"^\s*\"pid\": (\d+),$")),
]


def header_process(line: str) -> str | None:
    """The process of the messages that follow this line, where it is a header of its own."""
    return _first(HEADERS, line)


def process(prefix: str) -> str | None:
    """The process, where what stands before a message tells one."""
    return _first(PREFIXES, prefix)


def _first(ways: list[tuple[str, re.Pattern[str]]], text: str) -> str | None:
    return next((found[1] for _, way in ways if (found := way.search(text))), None)
