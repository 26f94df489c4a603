"""Video files: every frame in order, and what is wrong with a file in one line."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet import InputError
from edge_edet.cli import main

from .conftest import HEIGHT, RATE, WIDTH, shade

Make = Callable[..., Path]


@pytest.fixture
def clip(make_video: Make, tmp_path: Path) -> Path:
    return make_video(tmp_path / "clip.mp4")


@pytest.fixture
def detector(tiny_int8: Path) -> edge_edet.Detector:
    return edge_edet.load(tiny_int8, threads=1)


def test_every_frame_comes_once_in_order_with_its_time(
    clip: Path, detector: edge_edet.Detector
) -> None:
    seen = list(edge_edet.stream(clip, detector))
    assert [frame.number for frame, _ in seen] == list(range(12))
    assert [frame.time_s for frame, _ in seen] == pytest.approx([n / RATE for n in range(12)])
    for frame, found in seen:
        assert frame.image.shape == (HEIGHT, WIDTH, 3)
        assert frame.image.dtype == np.uint8
        assert abs(int(frame.image[20, 20, 1]) - shade(frame.number)) <= 2
        again = detector.detect(frame.image)
        assert np.array_equal(found.boxes, again.boxes)
        assert np.array_equal(found.scores, again.scores)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"every": 5}, [0, 5, 10]),
        ({"max_fps": 5}, [0, 2, 4, 6, 8, 10]),
        ({"max_fps": 4}, [0, 3, 5, 8, 10]),  # the first frame at or after each quarter of a second
        ({"max_fps": 100}, list(range(12))),
        ({"duration_s": 0.5}, [0, 1, 2, 3, 4]),
        ({"every": 2, "duration_s": 0.5}, [0, 2, 4]),
    ],
)
def test_fewer_frames(
    clip: Path, detector: edge_edet.Detector, options: dict[str, float], expected: list[int]
) -> None:
    seen = [frame.number for frame, _ in edge_edet.stream(clip, detector, **options)]  # type: ignore[arg-type]
    assert seen == expected


@pytest.mark.parametrize(
    "options", [{"every": 0}, {"every": "2"}, {"max_fps": 0}, {"max_fps": "5"}, {"duration_s": -1}]
)
def test_options_out_of_range(
    clip: Path, detector: edge_edet.Detector, options: dict[str, float]
) -> None:
    with pytest.raises(InputError, match=r"must be .*, but got"):
        edge_edet.stream(clip, detector, **options)  # type: ignore[arg-type]


def test_async_for(clip: Path, detector: edge_edet.Detector) -> None:
    async def numbers() -> list[int]:
        return [frame.number async for frame, _ in edge_edet.stream(clip, detector)]

    assert asyncio.run(numbers()) == list(range(12))


def test_a_task_that_is_cancelled_closes_the_source(
    clip: Path, detector: edge_edet.Detector
) -> None:
    async def first(running: edge_edet.video.Stream) -> None:
        with running:
            async for _ in running:
                pass

    async def cancelled() -> edge_edet.video.Stream:
        running = edge_edet.stream(clip, detector)
        task = asyncio.create_task(first(running))
        await asyncio.sleep(0)  # it waits for its first frame in a thread
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return running

    running = asyncio.run(cancelled())  # which waits for its threads
    assert next(running, None) is None


def test_one_may_stop_early(clip: Path, detector: edge_edet.Detector) -> None:
    with edge_edet.stream(clip, detector) as running:
        assert next(running)[0].number == 0
    with pytest.raises(StopIteration):
        next(running)


def test_json_lines(clip: Path, tiny_int8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(clip), "-m", str(tiny_int8), "--json"]) == 0
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["frame"] for line in lines] == list(range(12))
    assert lines[3]["time_s"] == pytest.approx(0.3)
    assert (lines[0]["width"], lines[0]["height"]) == (WIDTH, HEIGHT)
    assert lines[0]["detections"][0]["label"] == "dog"
    assert f"{clip}: 12 frames, " in err


def test_summary(clip: Path, tiny_int8: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(clip), "-m", str(tiny_int8)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{clip}: 12 frames, 24 objects, ")
    assert " frames/s, each p50 " in out


def decoded(path: Path) -> list[tuple[float, tuple[int, int]]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [(float(frame.time or 0), (frame.width, frame.height)) for frame in frames]


def test_the_drawing_has_the_times_of_its_frames(
    make_video: Make, tmp_path: Path, tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = make_video(tmp_path / "clip.mkv"), tmp_path / "new" / "out.mp4"
    command = ["detect", str(clip), "-m", str(tiny_int8), "--draw", str(out), "--every", "3"]
    assert main(command) == 0
    times = [time for time, _ in decoded(out)]
    assert times == pytest.approx([0, 0.3, 0.6, 0.9], abs=1e-4)
    assert [one.name for one in out.parent.iterdir()] == ["out.mp4"]
    assert main(command) == 0  # our own may be replaced
    out.write_bytes(clip.read_bytes())
    capsys.readouterr()
    assert main(command) == 2
    assert "is not a drawn video of 'edge-edet detect'" in capsys.readouterr().err
    assert out.read_bytes() == clip.read_bytes()


def test_a_drawing_needs_mp4_and_never_replaces_its_source(
    clip: Path, tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = clip.read_bytes()
    command = ["detect", str(clip), "-m", str(tiny_int8), "--draw"]
    assert main([*command, str(tmp_path / "out.avi")]) == 2
    assert "must name a file .mp4" in capsys.readouterr().err
    assert main([*command, str(clip), "--overwrite"]) == 2
    assert "is an input of this command" in capsys.readouterr().err
    assert clip.read_bytes() == before


def test_odd_sides_are_drawn(
    make_video: Make, tmp_path: Path, detector: edge_edet.Detector, tiny_int8: Path
) -> None:
    jpegs = io.BytesIO()
    for _ in range(3):
        Image.new("RGB", (65, 49), (90, 90, 90)).save(jpegs, "JPEG")
    clip = tmp_path / "odd.mjpeg"
    clip.write_bytes(jpegs.getvalue())
    out = tmp_path / "out.mp4"
    assert main(["detect", str(clip), "-m", str(tiny_int8), "--draw", str(out)]) == 0
    assert [size for _, size in decoded(out)] == [(66, 50)] * 3


def test_frames_that_change_their_size(
    tmp_path: Path, tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jpegs = io.BytesIO()
    for size in ((64, 48), (64, 48), (96, 64)):
        Image.new("RGB", size, (90, 90, 90)).save(jpegs, "JPEG")
    clip, out = tmp_path / "change.mjpeg", tmp_path / "out.mp4"
    clip.write_bytes(jpegs.getvalue())
    assert main(["detect", str(clip), "-m", str(tiny_int8), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["width"], line["height"]) for line in lines] == [(64, 48), (64, 48), (96, 64)]
    assert main(["detect", str(clip), "-m", str(tiny_int8), "--draw", str(out)]) == 2
    assert "change from 64 x 48 to 96 x 64 pixels" in capsys.readouterr().err
    assert len(decoded(out)) == 2


def test_a_cut_off_file_gives_the_frames_up_to_there(
    make_video: Make, tmp_path: Path, tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_video(tmp_path / "whole.mp4", 60, movflags="+faststart").read_bytes()
    clip = tmp_path / "cut.mp4"
    clip.write_bytes(whole[: len(whole) * 3 // 4])
    assert main(["detect", str(clip), "-m", str(tiny_int8), "--json"]) == 2
    out, err = capsys.readouterr()
    frames = [json.loads(line)["frame"] for line in out.splitlines()]
    assert 0 < len(frames) < 60
    assert frames == list(range(len(frames)))
    assert f"is cut off or damaged: it says 60 frames and {len(frames)} can be decoded" in err


def test_a_cut_off_matroska_too(
    make_video: Make, tmp_path: Path, detector: edge_edet.Detector
) -> None:
    whole = make_video(tmp_path / "whole.mkv", 60).read_bytes()
    clip = tmp_path / "cut.mkv"
    clip.write_bytes(whole[: len(whole) // 2])
    running = edge_edet.stream(clip, detector)
    assert 0 < len(list(running)) < 60
    assert running.cut_off is not None
    assert "it says 6.0 s and ends after" in running.cut_off


def audio_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        samples = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        samples.rate = 44100
        container.mux(stream.encode(samples))
        container.mux(stream.encode())


def unknown_codec(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1"))  # a codec that nobody has


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "cannot read "),
    "empty": (lambda path: path.write_bytes(b""), "is no video that can be read"),
    "text": (lambda path: path.write_text("no video at all\n" * 50), "is no video that can be"),
    "head alone": (
        lambda path: path.write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 100),
        "is no video that can be read",
    ),
    "audio alone": (audio_only, "holds no video"),
    "codec not built in": (unknown_codec, "is not built into PyAV"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_line(
    case: str, tmp_path: Path, tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, message = BAD[case]
    clip, out = tmp_path / "bad.mp4", tmp_path / "out.mp4"
    make(clip)
    assert main(["detect", str(clip), "-m", str(tiny_int8), "--draw", str(out)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_no_frame_at_all(
    make_video: Make, tmp_path: Path, tiny_int8: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_video(tmp_path / "whole.mp4", 3, movflags="+faststart").read_bytes()
    clip, out = tmp_path / "none.mp4", tmp_path / "out.mp4"
    clip.write_bytes(whole[: whole.index(b"mdat") + 40])
    assert main(["detect", str(clip), "-m", str(tiny_int8), "--draw", str(out)]) == 2
    assert "holds no frame that can be decoded" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_phone_held_upright(
    turns: int, make_video: Make, tmp_path: Path, detector: edge_edet.Detector
) -> None:
    # Phones store the sensor's picture and a matrix beside it (ISO 14496-12, tkhd), which PyAV leaves to
    # its caller, unlike players and OpenCV.
    stored = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    stored[:16, :16] = 255  # white at the top left of what is stored
    clip = make_video(tmp_path / "clip.mp4", pictures=[stored] * 2)
    data = bytearray(clip.read_bytes())
    one = 1 << 16
    clockwise = [(one, 0, 0, one), (0, one, -one, 0), (-one, 0, 0, -one), (0, -one, one, 0)]
    a, b, c, d = clockwise[turns]
    place = data.index(b"tkhd") + 4 + 40
    assert struct.unpack_from(">9i", data, place) == (one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, place, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    clip.write_bytes(data)
    frame, _ = next(edge_edet.stream(clip, detector))
    assert frame.image.shape[:2] == ((HEIGHT, WIDTH) if turns % 2 == 0 else (WIDTH, HEIGHT))
    corner = {0: (0, 0), 1: (0, -1), 2: (-1, -1), 3: (-1, 0)}[turns]
    assert frame.image[corner].min() > 200
    others = {(0, 0), (0, -1), (-1, -1), (-1, 0)} - {corner}
    assert all(frame.image[one].max() < 60 for one in others)


def test_colours_by_the_matrix_that_the_file_names(
    tmp_path: Path, detector: edge_edet.Detector
) -> None:
    # The same stored Y, U, V are another colour in BT.601 and in BT.709, which HD cameras write.
    colours = []
    for space in (6, 1):  # AVCOL_SPC_SMPTE170M, AVCOL_SPC_BT709
        clip = tmp_path / f"{space}.mp4"
        with av.open(str(clip), "w") as container:
            stream = container.add_stream("libx264", rate=RATE)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.codec_context.colorspace = space
            frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
            for plane, value in zip(frame.planes, (100, 100, 190), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
        colours.append(next(edge_edet.stream(clip, detector))[0].image[20, 20].astype(int))
    # R = 1.164 (Y - 16) + 1.596 (V - 128) in BT.601 and + 1.793 (V - 128) in BT.709
    assert colours[0][0] == pytest.approx(1.164 * 84 + 1.596 * 62, abs=3)
    assert colours[1][0] == pytest.approx(1.164 * 84 + 1.793 * 62, abs=3)


def test_videos_and_pictures_are_not_mixed(
    clip: Path, tiny_int8: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (64, 48)).save(picture)
    model = ["-m", str(tiny_int8)]
    assert main(["detect", str(clip), str(picture), *model]) == 2
    assert "is read alone" in capsys.readouterr().err
    assert main(["detect", str(picture), "--every", "2", *model]) == 2
    assert "--every is for a video" in capsys.readouterr().err
    assert main(["detect", str(clip), "--raw", "x.npz", *model]) == 2
    assert "are for pictures" in capsys.readouterr().err


def test_without_pyav(clip: Path, tiny_int8: Path) -> None:
    code = (
        "import sys; sys.modules['av'] = None; from edge_edet.cli import main;"
        f"sys.exit(main(['detect', {str(clip)!r}, '-m', {str(tiny_int8)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "this needs the package av: pip install 'edge-edet[video]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_leaves_a_drawing_that_plays(
    make_video: Make, tmp_path: Path, tiny_int8: Path
) -> None:
    clip, out = make_video(tmp_path / "long.mp4", 2000), tmp_path / "out.mp4"
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from edge_edet.cli import main;"
        f"sys.exit(main(['detect', {str(clip)!r}, '-m', {str(tiny_int8)!r}, '--json', "
        f"'--draw', {str(out)!r}]))"
    )
    # communicate() would lose the lines that readline() has read ahead
    with (tmp_path / "errors").open("w+") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stderr, text=True
        )
        assert process.stdout is not None
        for _ in range(5):
            assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        process.wait()
        stderr.seek(0)
        errors = stderr.read()
    assert process.returncode == 130, errors
    frames = 5 + len(rest.splitlines())
    assert frames < 2000
    assert abs(len(decoded(out)) - frames) <= 1
    assert "Traceback" not in errors
    assert sorted(one.name for one in tmp_path.iterdir()) == ["errors", "long.mp4", "out.mp4"]


def test_the_library_without_pyav(clip: Path, tiny_int8: Path) -> None:
    code = (
        "import sys; sys.modules['av'] = None; from edge_edet import *; import edge_edet\n"
        f"try: edge_edet.stream({str(clip)!r}, edge_edet.load({str(tiny_int8)!r}))\n"
        "except edge_edet.MissingExtraError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "this needs the package av: pip install 'edge-edet[video]'\n"
