"""Long runs that do not come to their end: no minute of them is lost, and nothing passes for done."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.measuring.events import Event, MinuteMeasured, RunBegun
from edge_edet.benchmarks.rows.file import read_rows
from edge_edet.benchmarks.rows.schema import row_from_dict
from edge_edet.errors import BackendError, InputError

Run = Callable[..., subprocess.CompletedProcess[str]]
QUICK = (
    "--warmup",
    1,
    "--warmup-seconds",
    0,
    "--samples",
    6,
    "--max-samples",
    6,
    "--threads",
    1,
    "--board",
    "host",
)


def test_minutes_of_a_killed_run_are_kept_and_it_is_run_anew(
    run_cli: Run, models: dict[str, Path], tmp_path: Path
) -> None:
    command = ["bench", models["fp32"], *QUICK, "--sustain", "0.5s", "-o", "rows.jsonl", "--resume"]
    result = run_cli(*command)
    assert result.returncode == 0, result.stderr
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert row.sustain is not None
    (minute,) = row.sustain.minutes
    assert len(minute.samples_ms) >= 1
    assert row.samples_ms["end_to_end"] == minute.samples_ms
    assert list(tmp_path.glob("*.minutes")) == []
    assert "there already" in run_cli(*command).stderr

    from edge_edet.benchmarks.measuring.sustained_journal import Journal

    long = json.loads((tmp_path / "rows.jsonl").read_text())
    long["sustain"] = {"seconds": 1800.0, "minutes": []}
    journal = Journal(tmp_path / "rows.jsonl")
    begun = RunBegun(row_from_dict(long, "long"))
    journal.add(begun)
    journal.add(MinuteMeasured(begun.row.key, minute))
    result = run_cli(*command)
    assert "a sustained run of lite0-64-fp32.tflite ended early: its 1 minutes are" in result.stderr
    kept = read_rows(tmp_path / "rows.jsonl")[1]
    assert kept.sustain is not None
    assert kept.sustain.minutes == (minute,)
    assert "sustain-cut-short" in [one.code for one in kept.warnings]
    assert list(tmp_path.glob("*.minutes")) == []


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), 130), (BackendError("it broke down"), 1)]
)
def test_a_run_that_is_stopped_is_kept_at_once(
    models: dict[str, Path],
    make_row: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
) -> None:
    from edge_edet.benchmarks.rows.parts import Minute, Sustain
    from edge_edet.cli import main

    def broken(job: Any) -> Iterator[Event]:
        row = make_row((), samples_ms={}, sustain=Sustain(job.sustain_s, ()))
        yield RunBegun(row)
        for number in (1, 2):
            yield MinuteMeasured(row.key, Minute(number, (40.0, 41.0), 61.0, None, None))
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edge_edet.benchmarks.bench.run.run_fresh", broken)
    command = ["bench", str(models["fp32"]), "--sustain", "30m", "-o", "rows.jsonl", "--json"]
    assert main(command) == status
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert row.sustain is not None
    assert [minute.samples_ms for minute in row.sustain.minutes] == [(40.0, 41.0)] * 2
    (warned,) = [one for one in row.warnings if one.code == "sustain-cut-short"]
    assert warned.text == "ended after minute 2 of 30"
    assert warned.advice.startswith("its minutes are kept; --resume starts it again")
    assert list(tmp_path.glob("*.minutes")) == []
    said = capsys.readouterr()
    if status == 1:  # what was kept is in the document too
        (told,) = json.loads(said.out)["rows"]
        assert len(told["row"]["sustain"]["minutes"]) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}\n{}\n", "line 1: expected an event of kind note, progress, begun, minute, row, end, "),
        ("{}\n{}\n", "error, but found '{}': move the file away"),
        (
            '{"kind":"note","text":"a"}\n{"kind":"note","text":"b"}\n',
            "x: the first line is not the begin of a sustained run: move the file away",
        ),
        ("nothing\n\xff\n", "line 1: expected a line as JSON, but found b'nothing': move the file"),
        ('{"kind":"begun","row":3}\n{}\n', "line 1: row must be an object, but is 3"),
    ],
)
def test_minutes_that_something_else_wrote_are_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    from edge_edet.benchmarks.measuring.sustained_journal import Journal

    kept = tmp_path / "rows.jsonl.k.minutes"
    kept.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        list(Journal(tmp_path / "rows.jsonl").recover())
    assert message.replace("x:", f"{kept}:") in str(caught.value)
    assert kept.exists()
