"""What a logger puts before each line changes nothing, and keeps the programs apart that it names.

The prefixes are written after the sources named in log_prefixes.py; tensorflow/tensorflow#36055 and
#56301 have logs of people.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet import InputError
from edge_edet.devices.benchmark_model.lines import known_lines
from edge_edet.devices.benchmark_model.tool import parse_logs

LOGS = Path(__file__).parent / "logs"
PLAIN = (LOGS / "console-2.18.txt").read_text()
OTHER = PLAIN.replace("200250", "300250").replace("Num threads: [2]", "Num threads: [1]")
# logger -> (prefix, as a format of the process's number; the number is stated or not)
PREFIXES = {
    "logcat -v brief": ("I/tflite  ({0:5d}): ", True),
    "logcat -v brief -v uid": ("I/tflite  ( 2000:{0:5d}): ", True),
    "logcat -v tag": ("I/tflite  : ", False),
    "logcat -v thread": ("I({0:5d}: 9001) ", True),
    "logcat -v threadtime": ("05-09 12:14:10.001 {0:5d}  9001 I tflite  : ", True),
    "logcat -v threadtime,year": ("2024-05-09 12:14:10.001 {0:5d}  9001 I tflite  : ", True),
    "logcat -v threadtime,year,UTC": (
        "2024-05-09 10:14:10.001 +0000 {0:5d}  9001 I tflite  : ",
        True,
    ),
    "logcat -v threadtime,uid": ("05-09 12:14:10.001  2000 {0:5d}  9001 I tflite  : ", True),
    "logcat, uid by name": ("05-09 12:14:10.001 shell {0:5d}  9001 I tflite  : ", True),
    "logcat -v threadtime,usec": ("05-09 12:14:10.001234 {0:5d}  9001 I tflite  : ", True),
    "logcat -v threadtime,epoch": ("1715249650.001 {0:5d}  9001 I tflite  : ", True),
    "logcat -v time": ("05-09 12:14:10.001 I/tflite  ({0:5d}): ", True),
    "logcat -v color": ("\x1b[38;5;40m05-09 12:14:10.001 {0:5d}  9001 I tflite  : ", True),
    "Android Studio, old": (
        "2024-05-09 12:14:10.001 {0}-9001/org.tensorflow.lite.benchmark I/tflite: ",
        True,
    ),
    "Android Studio, old, no package": ("05-09 12:14:10.001 {0}-9001/? I/tflite: ", True),
    "Android Studio, new": (
        "2024-05-09 12:14:10.001  {0}-9001  tflite      org.tensorflow.lite.benchmark    I  ",
        True,
    ),
    "Android Studio, new, compact": ("12:14:10.001  I  ", False),
    "NSLog": ("2024-05-09 12:14:10.1+0200 App[{0}:9001] ", True),
    "iOS, syslog": ("May  9 12:14:10 iPhone My App(UIKit)[{0}] <Notice>: ", True),
    "log show": (
        "2024-05-09 12:14:10.123456+0200 0x1a2b     Default     0x0                  {0}    0    "
        "App: (Lib) [org.example:bench] ",
        True,
    ),
    "log show --style compact": ("2024-05-09 12:14:10.123 Df App[{0}:1a2b] ", True),
    "journalctl": ("May 09 12:14:10 raspberrypi benchmark_model[{0}]: ", True),
    "journalctl -o short-iso": ("2024-05-09T12:14:10+02:00 pi benchmark_model[{0}]: ", True),
    "docker logs -t": ("2024-05-09T12:14:10.001234567Z ", False),
    "docker compose": ("bench-1  | ", False),
    "Python's logging": ("2024-05-09 12:14:10,123 - bench - INFO - ", False),
    "glog": ("I0509 12:14:10.001234 {0:5d} run.cc:12] ", True),
    "ts": ("[2024-05-09 12:14:10] ", False),
    "grep -n": ("log.txt:12:", False),
}


def behind(prefix: str, text: str, number: int = 652, end: str = "\n") -> str:
    return "".join(f"{prefix.format(number)}{line}{end}" for line in text.splitlines())


@pytest.mark.parametrize("logger", PREFIXES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n", "\x1b[0m\n"], ids=repr)
def test_a_prefix_changes_nothing(logger: str, end: str) -> None:
    prefix, stated = PREFIXES[logger]
    text = behind(prefix, PLAIN, end=end)
    assert parse_logs(text, "x") == parse_logs(PLAIN, "x")
    assert {line.process for line in known_lines(text)} == {"652" if stated else None}


WHOLE: dict[str, Callable[[str], str]] = {  # a line, not only a prefix
    "logcat -v process": lambda line: f"I(  652) {line}  (tflite)\n",
    "logcat -v long": lambda line: f"[ 05-09 12:14:10.001   652: 9001 I/tflite   ]\n{line}\n\n",
    "Android Studio, exported": lambda line: (
        f'        "pid": 652,\n        "tid": 9001,\n      "message": "{line}"\n'
    ).replace("=", r"\u003d"),
    "docker's json-file": lambda line: (
        f'{{"log":"{line}\\n","stream":"stdout","time":"2024-05-09T12:14:10.001234567Z"}}\n'
    ),
    "journalctl -o json": lambda line: f'{{"MESSAGE":"{line}","_PID":"652"}}\n',
}


@pytest.mark.parametrize("logger", WHOLE)
def test_what_stands_around_a_message_changes_nothing(logger: str) -> None:
    text = "".join(map(WHOLE[logger], PLAIN.splitlines()))
    assert parse_logs(text, "x") == parse_logs(PLAIN, "x")
    stated = {None} if logger == "docker's json-file" else {"652"}
    assert {line.process for line in known_lines(text)} == stated


@pytest.mark.parametrize("logger", [name for name, (_, stated) in PREFIXES.items() if stated])
def test_two_programs_at_once_are_two_runs(logger: str) -> None:
    prefix, _ = PREFIXES[logger]
    lines = zip(PLAIN.splitlines(), OTHER.splitlines(), strict=True)
    mixed = "".join(behind(prefix, a, 652) + behind(prefix, b, 77) for a, b in lines)
    assert parse_logs(mixed, "x") == [*parse_logs(PLAIN, "x"), *parse_logs(OTHER, "x")]


@pytest.mark.parametrize("logger", [name for name, (_, stated) in PREFIXES.items() if not stated])
@pytest.mark.parametrize("late", range(1, len(PLAIN.splitlines())))
def test_two_programs_at_once_that_nothing_tells_apart_are_refused(logger: str, late: int) -> None:
    """The second begins some lines after the first, so that everything meets everything."""
    first, second = PLAIN.splitlines(), OTHER.splitlines()
    prefix, _ = PREFIXES[logger]
    mixed = first[:late]
    for i in range(max(len(first) - late, len(second))):
        mixed += [*first[late + i : late + i + 1], *second[i : i + 1]]
    ended = any("Inference timings" in line for line in first[: late + 1])
    if ended:  # then they were one after the other
        assert [log.threads for log in parse_logs(behind(prefix, "\n".join(mixed)), "x")] == [2, 1]
        return
    with pytest.raises(InputError, match=r"^x, run \d: "):
        parse_logs(behind(prefix, "\n".join(mixed)), "x")


def test_other_programs_numbers_are_not_taken() -> None:
    prefix = PREFIXES["logcat -v threadtime"][0]
    strange = [
        "count=3 first=1 curr=1 min=1 max=1 avg=1 std=0",
        "Created TensorFlow Lite XNNPACK delegate for CPU.",
        "Replacing 5 out of 6 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 2 part",
        "The input model file size (MB): 1.5",
        "Use gpu: [1]",
    ]
    mixed = ""
    for i, line in enumerate(PLAIN.splitlines()):
        mixed += behind(prefix, strange[1 + i % 4], 77) + behind(prefix, line)
    assert parse_logs(mixed, "x") == parse_logs(PLAIN, "x")
    with pytest.raises(InputError, match=r"^x, run 1: benchmark_model did not finish"):
        parse_logs(behind(prefix, strange[0], 77) + mixed, "x")
