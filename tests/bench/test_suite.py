"""`pytest benchmarks/ --benchmark-only`, as a fresh checkout and as one with models finds it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("given", [None, "some/d0-int8.tflite"])
def test_it_covers_all_of_a_detection_and_nothing_that_takes_minutes(given: str | None) -> None:
    command = [sys.executable, "-m", "pytest", "benchmarks/", "--benchmark-only", "--collect-only"]
    # as from a shell, though this test may itself run in one of several workers
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    if given:
        environment["EDGE_EDET_MODEL"] = given
    done = subprocess.run(
        [*command, "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    found = [line.removeprefix("benchmarks/") for line in done.stdout.splitlines() if "::" in line]
    for stage in ("preprocess", "inference", "postprocess"):
        of_stage = [one for one in found if one.startswith(f"test_stages.py::test_{stage}[")]
        assert any("int8" in one for one in of_stage)  # built, or else converted for it
    assert "test_stages.py::test_decode" in found
    assert {one.partition("::")[0] for one in found} == {
        "test_detect.py",
        "test_eval.py",
        "test_stages.py",
    }
