"""The command as people and boards run it: rows that survive, nothing twice, one line for errors."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_edet.benchmarks.rows.file import read_rows
from edge_edet.benchmarks.rows.parts import STAGES
from edge_edet.benchmarks.rows.schema import row_from_dict

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


def error_of(result: subprocess.CompletedProcess[str], status: int) -> str:
    assert result.returncode == status, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("edge-edet: error: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0].removeprefix("edge-edet: error: ")


def test_rows_have_all_of_it_and_the_table_fits(
    run_cli: Run, models: dict[str, Path], tmp_path: Path
) -> None:
    result = run_cli("bench", models["trained"], models["fp32"], *QUICK, "-o", "rows.jsonl")
    assert result.returncode == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "decode   prep   infer   post     p50     p90     n" in result.stdout
    assert "d0-64-fp32.tflite        1" in result.stdout
    assert "warning: the model has random weights" in result.stdout
    first, second = read_rows(tmp_path / "rows.jsonl")
    assert first.model.file == "d0-64-fp32.tflite"
    assert (first.how, first.device.id, first.model.variant) == ("measured", "host", "d0")
    assert first.model.image_size == (64, 64)
    assert first.model.size_bytes == models["trained"].stat().st_size
    assert first.model.parameters is not None
    assert first.model.multiply_adds is not None
    assert set(first.samples_ms) == set(STAGES)
    assert {len(samples) for samples in first.samples_ms.values()} == {6}
    parts = zip(*(first.samples_ms[stage] for stage in STAGES), strict=True)
    for *stages, whole in parts:
        assert sum(stages) == pytest.approx(whole, abs=1e-3)
    assert first.ran is not None
    assert (first.ran.runtime, first.ran.delegate, first.ran.threads) == (
        "ai-edge-litert",
        "xnnpack",
        1,
    )
    assert first.load_ms is not None
    assert first.machine is not None
    assert first.machine.cpu
    assert first.protocol["min_samples"] == 6
    if sys.platform == "linux":
        assert first.peak_memory_bytes is not None
        assert first.peak_memory_bytes > first.model.size_bytes
    assert "random-weights" in [one.code for one in second.warnings]
    assert "random-weights" not in [one.code for one in first.warnings]


def test_a_stream_is_json_lines_and_skip_leaves_out(run_cli: Run, models: dict[str, Path]) -> None:
    command = (
        "bench",
        models["fp32"],
        *QUICK[:-2],
        "--threads",
        "1,2",
        "--this-board",
        "rpi4",
        "--jsonl",
    )
    result = run_cli(*command)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["kind"] for line in lines} <= {"note", "progress", "row", "end"}
    assert lines[-1] == {"kind": "end", "rows": 2}
    rows = [line for line in lines if line["kind"] == "row"]
    parsed = [row_from_dict(line["row"], "line") for line in rows]
    assert [row.key for row in parsed] == [line["key"] for line in rows]
    assert [row.asked.threads for row in parsed] == [1, 2]
    assert {row.device.id for row in parsed} == {"rpi4"}

    rest = run_cli(*command, "--skip", rows[0]["key"])
    again = [json.loads(line) for line in rest.stdout.splitlines()]
    assert [line["key"] for line in again if line["kind"] == "row"] == [rows[1]["key"]]
    assert again[-1] == {"kind": "end", "rows": 1}


def test_json_is_one_document_with_statistics(run_cli: Run, models: dict[str, Path]) -> None:
    result = run_cli("bench", models["fp32"], *QUICK, "--parallel", 2, "--json", "--in-process")
    assert result.returncode == 0, result.stderr
    (one,) = json.loads(result.stdout)["rows"]
    row = row_from_dict(one["row"], "document")
    assert one["statistics"]["end_to_end"]["n"] == 6
    assert one["statistics"]["inference"]["p50_ms"] > 0
    assert row.throughput is not None
    assert (row.throughput.streams, row.throughput.pictures) == (2, 6)
    assert row.peak_memory_bytes is None  # other things ran in this process


def test_resume_repeats_nothing_and_a_kill_loses_the_running_row_only(
    run_cli: Run, models: dict[str, Path], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "edge_edet", "bench", models["fp32"], *QUICK]
    command += ["--threads", "1,2,3", "-o", "rows.jsonl"]
    path = tmp_path / "rows.jsonl"
    with subprocess.Popen([*map(str, command)], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        while not (path.exists() and path.read_bytes().count(b"\n")):
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
    kept = read_rows(path)
    assert 1 <= len(kept) <= 3
    with path.open("ab") as stream:
        stream.write(b'{"schema_version":1,"how":"meas')  # as a kill in the middle leaves it
    result = run_cli(*command[3:], "--resume")
    assert result.returncode == 0, result.stderr
    rows = read_rows(path)
    assert rows[: len(kept)] == kept
    assert [row.asked.threads for row in rows] == [1, 2, 3]
    assert f"{len(kept)} of 3 rows are there already" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks for children in /proc")
@pytest.mark.parametrize(("how", "status"), [(signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_the_measuring_process_ends_with_the_command(
    models: dict[str, Path], tmp_path: Path, how: signal.Signals, status: int
) -> None:
    command = [sys.executable, "-m", "edge_edet", "bench", str(models["fp32"]), "--jsonl"]
    command += ["--samples", "1000000", "--max-samples", "1000000", "--board", "host"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if json.loads(line).get("done"):
                break
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(how)
        assert process.wait(timeout=30) == status
        if how is signal.SIGTERM:
            assert process.stderr.read().strip() == "edge-edet: error: interrupted"
    deadline = time.monotonic() + 30
    while is_running(int(child)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_accuracy_stands_in_the_same_row(
    run_cli: Run, models: dict[str, Path], tmp_path: Path, write_smear: Callable[[Path], Path]
) -> None:
    write_smear(tmp_path / "data")
    command = ("bench", models["trained"], models["fp32"], *QUICK, "--data", "data")
    result = run_cli(*command, "-o", "rows.jsonl")
    assert result.returncode == 0, result.stderr
    trained, random = read_rows(tmp_path / "rows.jsonl")
    if trained.model.file != "d0-64-fp32.tflite":
        trained, random = random, trained
    assert trained.accuracy is not None
    assert trained.accuracy.pictures == 1
    assert trained.accuracy.ap is not None
    assert len(trained.accuracy.numbers) == 12
    assert random.accuracy is None  # of random weights there is none
    assert f"AP {trained.accuracy.ap:.3f}" in result.stdout
    again = (*command, "-o", "rows.jsonl", "--resume", "--limit", 1)
    assert "2 of 2 rows are there already" in run_cli(*again).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.tflite"], "no model file 'none.tflite'"),
        (["--threads", "1,x"], "--threads must be counts like 1,2,4 up to 1024, but got '1,x'"),
        (["--threads", "0"], "--threads must be counts like 1,2,4"),
        (["--delegate", "none,"], "--delegate must be a list like A,B, but got 'none,'"),
        (["--device", "rpi44"], "unknown board 'rpi44': known are"),
        (["--samples", "3"], "--samples must be at least 6, but got 3"),
        (["--split", "test"], "--split is for --data, which is not given: give it too"),
        (["--limit", "3"], "--limit is for --data, which is not given: give it too"),
        (["--class-map", "m.json"], "--class-map is for --data, which is not given: give it too"),
        (["--mean", "127.5"], "--mean is given without --std: give both"),
        (["--labels", "none.txt"], "none.txt"),
        (["--data", "none"], "no data 'none': give a COCO .json"),
        (["--host", "pi@x", "--host", "pi@x"], "--host 'pi@x' is given twice"),
        (["--sustain", "soon"], "must be like 90s, 30m or 1h, up to 168h, but got 'soon'"),
        (["--sustain", "1m", "--parallel", "2"], "--sustain runs one inference at a time"),
        (["--parallel", "0"], "--parallel must be from 1 to 256, but got 0"),
        (["--device", "NPU"], "--device NPU does not go with 'lite0-64-fp32.tflite'"),
        (["--device", "GPU", "--delegate", "none"], "and --delegate none: a .tflite runs on"),
        (["--runtime", "openvino"], "runtime 'openvino' does not take"),
        (["--images", "none.jpg"], "no picture 'none.jpg'"),
        (["--images", "."], "no pictures in folder '.'"),
        (["--this-board", "rpi4"], "--this-board is for --jsonl on the board itself, without --b"),
        (["--this-board", "rpi4", "--jsonl", "--board", "rpi4"], "--this-board is for --jsonl on"),
        (["--this-board", "rpi4", "--jsonl", "--device", "rpi4"], "--this-board is for --jsonl on"),
        (["--jsonl", "--resume"], "--jsonl keeps no rows to --resume from"),
        (["--board", "rpi3,rpi4", "--host", "pi@x"], "with --host give one --board at most"),
        (["--board", "rpi3", "--device", "rpi4", "--host", "pi@x"], "with --host give one --board"),
        (["--board", "rpi44"], "unknown board 'rpi44': known are"),
        (["--stream"], "--stream is now --jsonl"),
        (["--streams", "2"], "--streams is now --parallel"),
        (["--pictures", "a.png", "b.png"], "--pictures is now --images"),
        (["--precision=f32"], "--precision is now --inference-precision"),
        (["--width", "0.05"], "--width is now --ci-width"),
        (["--device-type", "CPU"], "--device-type is now --device"),
        (["-o", "a-model.tflite"], "a-model.tflite, line 1: expected a row as JSON"),
    ],
)
def test_bad_input_is_one_line(
    models: dict[str, Path],
    tmp_path: Path,
    monkeypatch: Any,
    capsys: Any,
    arguments: list[str],
    message: str,
) -> None:
    from edge_edet.cli import main

    monkeypatch.chdir(tmp_path)
    Path("a-model.tflite").write_bytes(b"TFL3\nTFL3\n")
    given = [] if arguments[0] == "none.tflite" else [str(models["fp32"])]
    assert main(["bench", *given, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert Path("a-model.tflite").read_bytes() == b"TFL3\nTFL3\n"


def test_one_failure_does_not_end_the_others(
    run_cli: Run, models: dict[str, Path], tmp_path: Path
) -> None:
    result = run_cli(
        "bench", models["fp32"], *QUICK, "--delegate", "./none.so,xnnpack", "-o", "rows.jsonl"
    )
    assert "delegate './none.so' did not load" in error_of(result, 1)
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert row.asked.delegate == "xnnpack"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.kill(os.getpid(), 11)", "ended by signal 11 (SIGSEGV)"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "signal 9 (SIGKILL), as the system does when memory",
        ),
        ("import os; os.close(0); os._exit(3)", "ended by exit status 3"),
        ("raise RuntimeError('a broken library')", "exit status 1: RuntimeError: a broken library"),
    ],
)
def test_a_runtime_that_breaks_down_takes_its_row_only(
    models: dict[str, Path], tmp_path: Path, monkeypatch: Any, code: str, message: str
) -> None:
    from edge_edet.benchmarks.bench.plan import ConfigGrid, Plan, make_jobs
    from edge_edet.benchmarks.bench.run import measure_jobs
    from edge_edet.benchmarks.measuring import worker as bench_worker
    from edge_edet.benchmarks.measuring.sampling import StopRule
    from edge_edet.benchmarks.rows.parts import DeviceName

    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\nimport sys; sys.stdin.readline()\n{code}\n")
    program.chmod(0o755)
    plan = Plan(ConfigGrid(), StopRule())
    twice = [models["fp32"]] * 2  # one job all the same
    jobs = make_jobs(twice, plan, DeviceName("host", "x"), named=True, note=print)
    monkeypatch.setattr(bench_worker.sys, "executable", str(program))
    lines: list[dict[str, Any]] = []
    (failure,) = measure_jobs(jobs, [], lines.append)
    assert str(failure.error).startswith("lite0-64-fp32.tflite: the measuring process ended by")
    assert message in str(failure.error)
    assert failure.error.exit_status == 1
    assert lines == []


def test_models_under_build_are_found_and_what_does_not_fit_is_told(
    run_cli: Run, models: dict[str, Path], tmp_path: Path
) -> None:
    build = tmp_path / "build"
    for folder in ("deep", "venv/lib/site-packages"):
        (build / folder).mkdir(parents=True)
    (build / "venv" / "pyvenv.cfg").touch()
    (build / "a.tflite").write_bytes(models["fp32"].read_bytes())
    (build / "deep" / "b.tflite").write_bytes(models["fp32"].read_bytes())
    (build / "venv" / "c.tflite").write_bytes(models["fp32"].read_bytes())
    (build / "broken.tflite").write_bytes(b"TFL3")
    (build / "report.xml").write_text("<report/>")  # no model: it has no weights beside it
    result = run_cli("bench", *QUICK)
    assert result.returncode == 0, result.stderr
    rows = read_rows(build / "bench.jsonl")
    assert [row.model.file for row in rows] == ["a.tflite", "b.tflite"]
    assert result.stderr.count("left out: ") == 1
    assert "broken.tflite" in result.stderr


def test_without_a_model_d0_is_converted_first(monkeypatch: Any, tmp_path: Path) -> None:
    from edge_edet import cli
    from edge_edet.benchmarks.bench.plan import convert_d0
    from edge_edet.errors import InputError

    def convert(arguments: tuple[str, ...]) -> int:
        (tmp_path / "build").mkdir()
        (tmp_path / "build" / "d0-int8.tflite").touch()
        print("what a conversion prints")
        return 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "main", convert)
    notes: list[str] = []
    assert convert_d0(notes.append) == [Path("build/d0-int8.tflite")]
    assert notes == [
        "no models under build/: converting D0 first, in about a minute, with "
        "'edge-edet convert --int8 d0 -o build'"
    ]
    (tmp_path / "build" / "d0-int8.tflite").unlink()
    monkeypatch.setattr(cli, "main", lambda arguments: 1)
    with pytest.raises(InputError, match=r"there is no model to measure: .* gave exit status 1"):
        convert_d0(notes.append)
