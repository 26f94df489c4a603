"""A killed evaluation goes on where it stopped, and gives what an undisturbed one gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.accuracy.evaluation import compare, evaluate, load_dataset
from edge_edet.benchmarks.accuracy.resume_file import open_state
from edge_edet.benchmarks.accuracy.run_detector import EvalRow
from edge_edet.errors import InputError

PICTURES = 100


def rows_of(state: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in state.read_text().splitlines()[1:]]


def test_killed_run_goes_on(shared: Path, foreign: Path, tmp_path: Path) -> None:
    state, data = tmp_path / "state.jsonl", shared / "data" / "coco_val464"
    command = [
        sys.executable,
        "-m",
        "edge_edet",
        "eval",
        str(foreign),
        "--data",
        str(data),
        "--state",
        str(state),
        "--limit",
        str(PICTURES),
        "--threads",
        "1",
        "--bootstrap",
        "50",
        "--json",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while not state.exists() or state.read_bytes().count(b"\n") < 12:
        assert process.poll() is None, "over before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    whole = state.read_bytes().rpartition(b"\n")[0] + b"\n"
    before = whole.count(b"\n") - 1
    assert 11 <= before < PICTURES
    state.write_bytes(whole + whole.splitlines()[-1][:40])  # torn, as a kill may leave it
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    (resumed,) = json.loads(ran.stdout)["results"]
    assert resumed["resumed"] == before
    done = [row["picture"] for row in rows_of(state)]
    assert len(done) == len(set(done)) == PICTURES, "every picture once"
    dataset = load_dataset(data)
    fresh = evaluate(foreign, dataset, limit=PICTURES, threads=1, resamples=50).to_dict()
    for name in ("numbers", "per_class", "intervals", "detections", "protocol"):
        assert json.loads(json.dumps(fresh[name])) == resumed[name]
    size = state.stat().st_size
    again = evaluate(foreign, dataset, limit=20, state=state, threads=1, resamples=0)
    assert again.resumed == 20, "a smaller limit finds its pictures"
    assert state.stat().st_size == size


def test_other_protocol_shares_no_rows(
    write_coco: Callable[..., Path], foreign: Path, tmp_path: Path
) -> None:
    from edge_edet.benchmarks.accuracy.evaluation import DEFAULT_PROTOCOL

    state, dataset = tmp_path / "s.jsonl", load_dataset(write_coco(tmp_path))
    first = evaluate(foreign, dataset, state=state, resamples=0)
    other = DEFAULT_PROTOCOL.replace(score_threshold=0.3)
    second = evaluate(foreign, dataset, other, state=state, resamples=0)
    assert (first.resumed, second.resumed) == (0, 0)
    assert len(rows_of(state)) == 4
    assert evaluate(foreign, dataset, other, state=state, resamples=0).resumed == 2
    with pytest.raises(InputError, match="they differ in protocol"):
        compare(first, second)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"some": "json"}\n', "is no state file of 'edge-edet eval' version 1"),
        (b"\x89PNG", "is no state file"),
        (b'{"edge_edet_eval":1}\n{"run": "k"}\n', "line 2 is damaged"),
        (
            b'{"edge_edet_eval":1}\nnothing\n{"run": "k"}\n',
            "line 2: expected a row as JSON, but found b'nothing': rem",
        ),
    ],
)
def test_other_files_are_refused_and_stay(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "state.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message), open_state(path, "k"):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize("cut", [0, 5, 21, 22, 60])
def test_torn_at_any_place(cut: int, tmp_path: Path, random_data: Callable[..., Any]) -> None:
    path, rows = tmp_path / "new" / "state.jsonl", random_data(0)[1]
    with open_state(path, "k") as state:
        state.add(rows[0])
        state.add(rows[0])
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    with open_state(path, "k") as state:
        assert state.rows == {}
        state.add(EvalRow.from_dict(rows[0].to_dict()))
    assert path.read_bytes() == whole


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    with (
        open_state(path, "a"),
        pytest.raises(InputError, match="in use by another"),
        open_state(path, "b"),
    ):
        pass


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": [9999]}, "classes must be 1 numbers from 0 to 89"),
        ({"classes": [-1]}, "classes must be 1 numbers from 0 to 89"),
        ({"classes": [1.5]}, "classes must be"),
        ({"classes": []}, "classes must be"),
        ({"scores": [5]}, "scores must be from 0 to 1"),
        ({"scores": [-0.5]}, "scores must be from 0 to 1"),
        ({"scores": ["0.5"]}, "scores must be numbers"),
        ({"boxes": [9, 9, 1, 1]}, "a box must be xmin ymin xmax ymax"),
        ({"boxes": [1, 1, 1e99, 9]}, "a box must be"),
        ({"step_ms": [1, 1, 1, -1]}, "step_ms must be 4 times"),
        ({"picture": 10**30}, "picture must be an id"),
        ({"more": 1}, "it has other keys than a row"),
        (
            {"scores": [0.1, 0.9], "classes": [1, 1], "boxes": [1, 1, 2, 2] * 2},
            "scores must be from 0 to 1, the highest first",
        ),
    ],
)
def test_a_row_that_no_detector_gives_is_refused(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "s.jsonl"
    row: dict[str, Any] = {
        "run": "k",
        "picture": 3,
        "boxes": [1, 1, 9, 9],
        "scores": [0.5],
        "classes": [89],
        "step_ms": [1, 1, 1, 1],
    }
    header = '{"edge_edet_eval":1}\n'
    path.write_text(header + json.dumps(row) + "\n")
    with open_state(path, "k", 90) as state:
        assert list(state.rows) == [3], "it is good without the change"
    path.write_text(header + json.dumps(row | changes) + "\n")
    with pytest.raises(InputError) as error, open_state(path, "k", 90):
        pass
    assert f"line 2 is damaged ({said}" in str(error.value)
    with open_state(path, "another", 90) as state:
        assert state.rows == {}, "rows of other runs are of other models"


def test_an_endless_line_and_a_pipe_are_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b'{"edge_edet_eval":1}\n' + b"[" * 5000 + b"\n")
    monkeypatch.setattr("edge_edet.files.json_lines.MAX_LINE", 1000)
    with pytest.raises(InputError, match="line 2 has more than 1,000 bytes"), open_state(path, "k"):
        pass
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is no regular file"):
        open_state(tmp_path / "pipe", "k").__enter__()
    path.write_bytes(b'{"edge_edet_eval":1}\n' + b"[" * 900 + b"\n")
    with pytest.raises(InputError, match="line 2: expected a row"), open_state(path, "k"):
        pass
