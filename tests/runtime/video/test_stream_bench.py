"""`bench --stream-source`: counts and percentiles of a video, as fast as it goes and as a camera sends it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import edge_edet
from edge_edet.cli import main
from edge_edet.video import VideoSource

Make = Callable[..., Path]


@pytest.fixture
def clip(make_video: Make, tmp_path: Path) -> Path:
    return make_video(tmp_path / "clip.mp4", 30)


def test_a_played_file_is_live_and_ends(clip: Path, tiny_int8: Path) -> None:
    source = VideoSource("file", str(clip), str(clip), play_fps=300)
    with edge_edet.load(tiny_int8) as detector, edge_edet.stream(source, detector) as running:
        assert running.live
        numbers = []
        for frame, _ in running:
            numbers.append(frame.number)
            if frame.number < 10:
                time.sleep(0.02)  # a slow detector: frames go by
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 29
    assert len(numbers) < 30


def test_json(clip: Path, tiny_int8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", str(tiny_int8), "--stream-source", str(clip), "--threads", "1", "--json"]
    assert main(command) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["frames"] == one["taken"] + one["dropped"] == 30
    assert one["camera_fps"] == 30
    assert one["fps"] > 0
    for times in (one["frame_ms"], one["delay_ms"]):
        assert 0 < times["p50"] <= times["p90"] <= times["p99"]
    assert one["threads"] == 1


def test_table(clip: Path, tiny_int8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(tiny_int8), "--stream-source", str(clip)]) == 0
    first, fast, camera = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tiny_int8} (")
    assert fast.startswith("  as fast as it goes: 30 frames, ")
    assert camera.startswith("  as a camera of 30 frames/s: ")
    assert " dropped (" in camera


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sustain", "10s"], "--sustain is not for --stream-source"),
        (["--host", "pi@10.0.0.1"], "--host is not for --stream-source"),
        (["--board", "rpi4"], "--board is not for --stream-source"),
        (["--threads", "1,2"], "--threads takes one value with --stream-source, but got 2"),
    ],
)
def test_refused(
    options: list[str],
    message: str,
    clip: Path,
    tiny_int8: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["bench", str(tiny_int8), "--stream-source", str(clip), *options]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_no_file_and_too_few_frames(
    make_video: Make, tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(tiny_int8), "--stream-source", str(tmp_path / "none.mp4")]) == 2
    assert "no such file" in capsys.readouterr().err
    short = make_video(tmp_path / "short.mp4", 5)
    assert main(["bench", str(tiny_int8), "--stream-source", str(short)]) == 2
    assert "has 5 frames, and --stream-source needs at least 10" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["rtsp://me:secret@127.0.0.1:9/live", "camera:0"])
def test_cameras_and_addresses_are_refused_without_their_password(
    address: str, tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(tiny_int8), "--stream-source", address]) == 2
    err = capsys.readouterr().err
    assert "plays a video file twice" in err
    assert "secret" not in err
    assert err.count("\n") == 1


def test_a_cut_off_file_is_not_measured(
    make_video: Make, tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_video(tmp_path / "whole.mp4", 20, movflags="+faststart")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:-60])
    assert main(["bench", str(tiny_int8), "--stream-source", str(cut)]) == 2
    assert "cut.mp4' is cut off or damaged" in capsys.readouterr().err


def test_a_source_is_a_value() -> None:
    source = VideoSource("file", "a.mp4", "a.mp4")
    assert dataclasses.replace(source, play_fps=30) != source
