"""Damaged files of every kind end in an answer or in one line: 300 of each, the seeds fixed.

`python tests/hostile/run.py -n 10000 --seed 7` runs more; docs/security.md has the promise.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
MUST_NOT_BE = ("signal", "hang", "unexpected", "memory", "destroyed", "silent")
N = 150  # of each kind; `make hostile` takes any number


@pytest.fixture(scope="module")
def tallies() -> dict[str, dict[str, object]]:
    """kind -> its tally, from a process without threads, which is forked for each file."""
    command = [sys.executable, str(HERE / "run.py"), "-n", str(N), "--json", "--part"]
    parts = [
        subprocess.Popen([*command, str(part), "2"], stdout=subprocess.PIPE, text=True)
        for part in range(2)
    ]
    lines = [line for part in parts for line in part.communicate(timeout=1500)[0].splitlines()]
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return {tally["kind"]: tally for tally in found}


def test_every_kind_was_tried(tallies: dict[str, dict[str, object]]) -> None:
    assert len(tallies) >= 31
    for kind, tally in tallies.items():
        counts = tally["counts"]
        assert isinstance(counts, dict)
        assert sum(counts.values()) == N, kind
        assert counts.get("refused", 0) > N // 50, f"{kind}: damage was hardly noticed"


@pytest.mark.parametrize("outcome", MUST_NOT_BE)
def test_nothing_ends_so(tallies: dict[str, dict[str, object]], outcome: str) -> None:
    found = {
        kind: (tally["seeds"][outcome], tally["words"].get(outcome))  # type: ignore[index, attr-defined]
        for kind, tally in tallies.items()
        if tally["counts"].get(outcome)  # type: ignore[attr-defined]
    }
    assert not found
