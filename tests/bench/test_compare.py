"""Which rows are compared, what is said of them, and which comparison is refused."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.analysis.compare import compare_rows, pair_rows, refusal
from edge_edet.benchmarks.rows.counts import Counts
from edge_edet.benchmarks.rows.file import append_rows
from edge_edet.benchmarks.rows.parts import DeviceName, Estimate, RequestedConfig, Warned
from edge_edet.benchmarks.rows.schema import BenchmarkRow
from edge_edet.cli import main
from edge_edet.errors import InputError

Make = Callable[..., BenchmarkRow]
Run = Callable[..., subprocess.CompletedProcess[str]]
STEADY = tuple(40.0 + 0.1 * (n % 7) for n in range(50))


def times(factor: float) -> tuple[float, ...]:
    return tuple(factor * ms for ms in STEADY)


def test_a_change_has_its_ratio_and_what_differs(make_row: Make) -> None:
    a = make_row(STEADY)
    assert a.ran is not None
    newer = dataclasses.replace(a.ran, version="3.0.0", delegate="none")
    change = compare_rows((a,), (make_row(times(1.5), ran=newer),))
    ratio = change.stages["end_to_end"]
    assert ratio.value == pytest.approx(1.5)
    assert ratio.low <= 1.5 <= ratio.high
    assert ratio.beyond_noise
    assert change.differs == (("version", "2.3.0", "3.0.0"), ("delegate", "xnnpack", "none"))
    same = compare_rows((a,), (a,))
    assert not same.stages["end_to_end"].beyond_noise
    assert same.differs == ()


def test_how_long_they_sampled_is_told_and_no_reason_not_to_compare(make_row: Make) -> None:
    sampled = {"min_samples": 50, "max_s": 60.0, "warmup": 5}
    protocol = {"name": "edge-edet bench", "version": 1}
    a = make_row(STEADY, protocol=protocol | sampled)
    b = make_row(times(1.5)[:20], protocol=protocol | sampled | {"min_samples": 20})
    assert refusal(a, b) is None
    change = compare_rows((a,), (b,))
    assert change.stages["end_to_end"].value == pytest.approx(1.5, rel=0.02)
    assert change.differs == (("sampling (--samples)", "50", "20"),)
    longer = make_row(STEADY, protocol=protocol | sampled | {"sustain_s": 60.0})
    assert "differ in sustain_s" in (refusal(a, longer) or "")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protocol": {"name": "edge-edet bench", "version": 2}}, "differ in version: 1 and 2"),
        ({"protocol": {"name": "other", "version": 1}}, "differ in name: 'edge-edet bench'"),
        ({"protocol": {"name": "edge-edet bench"}}, "differ in version: 1 and None"),
        ({"how": "emulated"}, "one of them is emulated"),
        ({"samples_ms": {"decode": STEADY}}, "they have no samples of the same stage"),
    ],
)
def test_rows_of_other_protocols_are_refused(
    make_row: Make, changes: dict[str, Any], reason: str
) -> None:
    a, b = make_row(STEADY), make_row(STEADY, **changes)
    assert reason in (refusal(a, b) or "")
    assert refusal(b, a) is not None
    with pytest.raises(InputError, match="are not comparable: ") as caught:
        compare_rows((a,), (b,))
    assert reason in str(caught.value)


def test_rows_find_their_partners(make_row: Make) -> None:
    one, two, four = (make_row(asked=RequestedConfig(threads=n)) for n in (1, 2, 4))
    found = pair_rows([one, two], [one, four])
    assert found.pairs == (((one,), (one,)),)
    assert found.alone == (((two,),), ((four,),))


def test_boards_of_one_kind_stay_apart(make_row: Make) -> None:
    def on(host: str | None, threads: int = 1) -> BenchmarkRow:
        device = DeviceName("rpi4", "Raspberry Pi 4", host)
        return make_row(device=device, asked=RequestedConfig(threads=threads))

    one, two = on("one"), on("two")
    assert pair_rows([one, two], [two, one]).pairs == (((one,), (one,)), ((two,), (two,)))
    found = pair_rows([one, two], [one, on("three")])  # the other one under a new name
    assert found.pairs == (((one,), (one,)), ((two,), (on("three"),)))
    found = pair_rows([one, two], [on("three"), on("four")])  # which is which, nobody can tell
    assert found.pairs == ()
    assert [len(runs) for runs in found.alone] == [2, 2]
    assert compare_rows((one,), (two,)).differs == (("host", "one", "two"),)


def test_rows_of_one_key_are_runs_but_not_of_an_earlier_model(make_row: Make) -> None:
    row, again = make_row(), make_row(times(1.1))
    earlier = make_row(model=dataclasses.replace(row.model, sha256="cd" * 32))
    assert pair_rows([earlier, row, again], [row]).pairs == (((row, again), (row,)),)


def test_single_rows_are_a_pair_whatever_they_are_of(make_row: Make) -> None:
    a, b = (
        make_row(asked=RequestedConfig(threads=1)),
        make_row(device=DeviceName("rpi4", "Raspberry Pi 4")),
    )
    assert pair_rows([a], [b]).pairs == (((a,), (b,)),)
    assert pair_rows([], [b]).pairs == ()


def test_runs_that_differ_among_themselves_widen_the_interval(make_row: Make) -> None:
    once = compare_rows((make_row(STEADY),), (make_row(times(1.1)),))
    assert once.stages["inference"].beyond_noise
    a = tuple(make_row(times(factor)) for factor in (1.0, 1.3, 0.9))
    b = tuple(make_row(times(factor)) for factor in (1.1, 1.0, 1.25))
    several = compare_rows(a, b)
    assert several.runs == (3, 3)
    assert several.stages["inference"].value == pytest.approx(1.1)
    assert not several.stages["inference"].beyond_noise


def test_a_change_on_a_busy_machine_is_doubtful(
    run_cli: Run, make_row: Make, tmp_path: Path
) -> None:
    busy = Warned("busy", "other processes kept 1.0 of 2 cores busy meanwhile", "end them")
    append_rows(tmp_path / "a.jsonl", [make_row(STEADY)])
    append_rows(tmp_path / "b.jsonl", [make_row(times(1.5), warnings=(busy,))])
    shown = run_cli("compare", "a.jsonl", "b.jsonl").stdout
    assert "slower?" in shown
    assert "doubtful, B: other processes kept 1.0 of 2 cores busy meanwhile" in shown


def test_the_command_says_slower_faster_and_noise(
    run_cli: Run, make_row: Make, tmp_path: Path
) -> None:
    append_rows(
        tmp_path / "a.jsonl",
        [make_row(STEADY, asked=RequestedConfig(threads=n)) for n in (1, 2, 4)],
    )
    slower = {"inference": times(1.25), "end_to_end": STEADY}
    append_rows(
        tmp_path / "b.jsonl",
        [
            make_row(samples_ms=slower, load_ms=20.0),
            make_row(times(0.8), asked=RequestedConfig(threads=2)),
        ],
    )
    result = run_cli("compare", "a.jsonl", "b.jsonl")
    assert result.returncode == 0, result.stderr
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert any(line.startswith("inference 40.30 50.38 1.250") for line in lines)
    assert any(line.startswith("end_to_end 40.30 40.30 1.000") for line in lines)
    words = [line.split()[-1] for line in lines if line.startswith(("inference", "end_to_end"))]
    assert words == ["noise", "slower", "faster", "faster"]
    assert "load, ms 12.5 20.0" in lines
    assert "not compared: d0-int8.tflite, host, 1 thread: only in a.jsonl" in lines

    document = json.loads(run_cli("compare", "a.jsonl", "b.jsonl", "--json").stdout)
    first = document["changes"][0]
    assert first["stages"]["inference"]["value"] == pytest.approx(1.25)
    assert first["stages"]["inference"]["beyond_noise"] is True
    assert {"what": "load, ms", "a": 12.5, "b": 20.0} in first["others"]
    assert first["doubts"] == []
    assert len(document["left_out"]) == 1


def test_nothing_to_compare_is_one_line(run_cli: Run, make_row: Make, tmp_path: Path) -> None:
    estimate = Estimate(50.0, 40.0, 60.0, 0.9, "a model", ())
    append_rows(tmp_path / "a.jsonl", [make_row(STEADY)])
    append_rows(tmp_path / "b.jsonl", [make_row(samples_ms={}, how="estimated", estimate=estimate)])
    (tmp_path / "empty.jsonl").touch()
    for b, message in (
        (
            "b.jsonl",
            "nothing to compare in 'a.jsonl' and 'b.jsonl': d0-int8.tflite, host, 1 thread:"
            " one of them is estimated",
        ),
        ("empty.jsonl", "1 thread: only in a.jsonl"),
        (
            "none.jsonl",
            "no file of rows 'none.jsonl': make one with 'edge-edet bench -o none.jsonl'",
        ),
    ):
        result = run_cli("compare", "a.jsonl", b)
        assert result.returncode == 2
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


def counted(make_row: Callable[..., BenchmarkRow], instructions: int) -> BenchmarkRow:
    """A counted row, of dot products and as many integer instructions."""
    kinds = {"dot product": instructions // 2, "integer": instructions // 2}
    counts = Counts("cortex-a76", kinds, 9_000_000, 1_000_000, 0, 2, 0.0)
    return make_row((), samples_ms={}, how="counted", counts=counts)


def test_counted_rows_compare_with_counted_rows_only(
    make_row: Callable[..., BenchmarkRow], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b, measured = (tmp_path / name for name in ("a.jsonl", "b.jsonl", "measured.jsonl"))
    append_rows(a, [counted(make_row, 400_000_000)])
    append_rows(b, [counted(make_row, 300_000_000)])
    append_rows(measured, [make_row()])
    assert main(["compare", str(a), str(b)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"instructions +400\.00 +300\.00 +0\.750\n", said)
    assert re.search(r"dot product +200\.00 +150\.00 +0\.750\n", said)
    assert "ratio of the medians" not in said
    assert main(["compare", str(a), str(measured)]) == 2
    assert "one of them is counted" in capsys.readouterr().err
    assert main(["compare", str(a), str(b), "--json"]) == 0
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    assert change["counts"][0] == {"what": "instructions", "a": 400_000_000, "b": 300_000_000}
