"""The committed counts hold: a change that makes ARM slower is seen here, without a board.

It takes a minute of a core: D0 and Lite0 in INT8 run on two emulated cores, and nothing smaller would tell
of them. `make counts` counts all models of the table anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_edet.benchmarks.counting.table import CORES, SLACK, count_table, main, read_table

QUICK = ("d0-int8", "lite0-int8")


def test_counts_are_those_of_the_table(arm_root: Path) -> None:
    known = {(row["model"], row["core"]): row for row in read_table()}
    for row in count_table(QUICK, arm_root):
        was = known[row["model"], row["core"]]
        for what in ("instructions", "loaded", "stored"):
            now, before = int(row[what]), int(was[what])
            assert now == pytest.approx(before, rel=SLACK), (
                f"{row['model']} on {row['core']}: {what} {before} thousand became {now} thousand: if that "
                "is meant, run python -m edge_edet.benchmarks.counting.table and say why in the commit"
            )


def test_the_kernels_are_those_of_the_core() -> None:
    rows = {(row["model"], row["core"]): row for row in read_table()}
    assert {core for _, core in rows} == set(CORES)
    for model in QUICK:
        old, new = (rows[model, core] for core in CORES)
        assert old["dot product"] == old["int8 matrix"] == new["int8 matrix"] == "0"
        assert int(old["widening multiply"]) > 2 * int(new["dot product"]) > 0
        assert int(new["instructions"]) < 0.6 * int(old["instructions"])
    assert {row["unknown"] for row in rows.values()} == {"0"}


def test_an_unknown_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["d9-int8"]) == 2
    assert "unknown 'd9-int8': known are d0-int8, d0-fp32" in capsys.readouterr().err
