"""`edge-edet variants`: our counts against the published ones."""

from __future__ import annotations

import json

import pytest

from edge_edet.benchmarks.published import published_size
from edge_edet.cli import main
from edge_edet.variants import VARIANTS


def test_variants_counts_agree_with_the_published_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["variants", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(VARIANTS)
    for row in rows:
        # the published ones are rounded: to 3 digits here, to 2 in the Lite rows
        published = row["published_parameters"]
        assert row["parameters"] == pytest.approx(published, rel=0.02), row["name"]
        if row["published_multiply_adds"] is not None:  # counted by other tools, with other ops
            assert row["multiply_adds"] == pytest.approx(row["published_multiply_adds"], rel=0.03)
    exact = {row["name"]: row["parameters"] for row in rows}
    assert (exact["d0"], exact["lite0"]) == (3_880_067, 3_243_470)


def test_variants_table_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["variants"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(VARIANTS) + 3
    assert " ".join(lines[1].split()) == "d0 512 49,104 3,880,067 3.88 M 2.49 G 2.5 G"
    assert max(map(len, lines)) <= 80


def test_unpublished_model_has_no_published_size() -> None:
    assert published_size("mine").parameters is None
