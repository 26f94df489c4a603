"""Events of a bench run: objects inside of a process, JSON where they leave it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from edge_edet.benchmarks.bench.output import BenchOutput
from edge_edet.benchmarks.measuring.events import (
    KINDS,
    Ended,
    Event,
    Failed,
    MinuteMeasured,
    Note,
    ProgressMade,
    RowMeasured,
    RunBegun,
    event_from_dict,
    event_to_dict,
)
from edge_edet.benchmarks.measuring.measure import most_samples
from edge_edet.benchmarks.measuring.sampling import StopRule
from edge_edet.benchmarks.rows.parts import Minute, Sustain
from edge_edet.errors import InputError

PLAIN: list[Event] = [
    Note("hello"),
    ProgressMade("d0.tflite", 3, None),
    ProgressMade("d0.tflite", 3, 50),
    MinuteMeasured("ab", Minute(1, (40.0, 41.5), None, 1500.0, ("throttled",))),
    Ended(2),
    Failed(2, "no model file"),
]


def test_every_event_comes_back_from_json(make_row: Callable[..., Any]) -> None:
    row = make_row()
    begun = make_row((), samples_ms={}, sustain=Sustain(60.0, ()))
    events: list[Event] = [*PLAIN, RunBegun(begun), RowMeasured(row)]
    assert {type(event) for event in events} == set(KINDS.values())
    for event in events:
        document = json.loads(json.dumps(event_to_dict(event)))
        assert event_from_dict(document, "here") == event
    assert event_to_dict(RowMeasured(row))["key"] == row.key


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("note", "here: expected an event of kind note, progress, begun"),
        ({"kind": "noise"}, "here: expected an event of kind note, "),
        ({"kind": "note"}, "here: the key 'text' is missing"),
        ({"kind": "note", "text": 3}, "here: 'text' must be text, but is 3"),
        ({"kind": "row", "row": {}}, "here: row: schema_version must be 1, but is None"),
    ],
)
def test_what_is_no_event_is_refused(document: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        event_from_dict(document, "here")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("count", "elapsed_s", "expected"),
    [
        (10, 1.0, 600),  # --max-seconds
        (100, 1.0, 1000),  # --max-samples
        (1, 10.0, 50),  # --samples, whatever --max-seconds says
        (70, 70.0, 70),
    ],
)
def test_the_most_samples_that_there_may_be(count: int, elapsed_s: float, expected: int) -> None:
    assert most_samples(StopRule(), count, elapsed_s) == expected


def test_progress_is_one_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    output = BenchOutput("table", None, None)
    for second in range(25):
        now[0] = float(second)
        output(ProgressMade("pi: d0.tflite, 1 thread", second * 2, 100 if second else None))
    output.note("done")
    assert capsys.readouterr().err.splitlines() == [
        "pi: d0.tflite, 1 thread: 20 of 100 samples, 2.0 samples/s, 40 s left",
        "pi: d0.tflite, 1 thread: 40 of 100 samples, 2.0 samples/s, 30 s left",
        "edge-edet: done",
    ]


def test_events_are_values() -> None:
    for kind in KINDS.values():
        assert dataclasses.is_dataclass(kind)
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_a_long_file_name_is_not_cut(
    make_row: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    row = make_row()
    name = f"{'long' * 15}-int8.tflite"
    output = BenchOutput("table", None, None)
    output(RowMeasured(row))
    output(RowMeasured(dataclasses.replace(row, model=dataclasses.replace(row.model, file=name))))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("d0-int8.tflite           1 ")
    place = lines.index(name)
    assert lines[place + 1] == lines[1].replace("d0-int8.tflite", " " * len("d0-int8.tflite"))
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if "..." in line]
