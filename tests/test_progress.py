"""Progress on a terminal, in a log, and for a step that is over at once."""

from __future__ import annotations

import pytest

from edge_edet.terminal.progress import Progress, track


def test_progress_line_has_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("d0", 16_000_000, "B", done=4_000_000)
    progress.advance(6_000_000)
    line = progress.line(progress._begun + 6.0)
    assert line == "d0: 10.0 of 16.0 MB, 1.0 MB/s, 6 s left"
    unknown = Progress("calibrating", None, "pictures")
    unknown.advance()
    assert unknown.line(unknown._begun + 2.0) == "calibrating: 1 pictures, 0.5 pictures/s"
    assert capsys.readouterr().err == "", "nothing for a step that is over at once"


def test_long_step_prints_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edge_edet.terminal.progress.INTERVAL_S", 0.0)
    assert list(track([5, 6], "step")) == [5, 6]
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["step: 1 of 2", "step: 2 of 2"]
