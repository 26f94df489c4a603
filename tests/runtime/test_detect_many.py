"""`Detector.detect_many`, and the way of working ahead that streams, eval and folders share."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import edge_edet
from edge_edet import PostprocessConfig
from edge_edet.detection import ahead
from edge_edet.detection.working_ahead import MOST_AHEAD
from edge_edet.pictures.image import read_picture

LONGEST_S = 20.0  # that something which must happen is waited for


def shapes() -> list[np.ndarray[Any, Any]]:
    """Seeded pictures, each of another size, so that no two have the same boxes."""
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, (64, 80 + 16 * n, 3), dtype=np.uint8) for n in range(7)]


def names_of_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("edge-edet")}


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST_S
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def detector(tiny_int8: Path) -> Iterator[edge_edet.Detector]:
    with edge_edet.load(tiny_int8, threads=1) as one:
        yield one


def test_it_gives_what_detect_gives_in_order(detector: edge_edet.Detector, tmp_path: Path) -> None:
    given: list[Any] = []
    for number, pixels in enumerate(shapes()):
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        given += [pixels, Image.fromarray(pixels), path, str(path)]
    everything = PostprocessConfig(score_threshold=0.01)
    found = [one.to_dicts() for one in detector.detect_many(given, config=everything)]
    assert found == [detector.detect(one, config=everything).to_dicts() for one in given]
    assert len({str(one) for one in found}) == len(shapes())
    assert not names_of_threads()


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_the_other_runtimes(runtime: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    pytest.importorskip(runtime)
    fixture, name = {"openvino": ("build_ir", "m.xml"), "onnxruntime": ("build_onnx", "m.onnx")}[
        runtime
    ]
    with edge_edet.load(request.getfixturevalue(fixture)(tmp_path / name), threads=1) as one:
        found = [detections.to_dicts() for detections in one.detect_many(shapes())]
        assert found == [one.detect(pixels).to_dicts() for pixels in shapes()]


def test_no_pictures_at_all(detector: edge_edet.Detector) -> None:
    assert list(detector.detect_many([])) == []
    assert not names_of_threads()


def test_an_iterable_that_fails_is_an_error_in_its_turn(detector: edge_edet.Detector) -> None:
    def camera() -> Iterator[np.ndarray[Any, Any]]:
        yield from shapes()[:3]
        raise RuntimeError("unplugged")

    results = detector.detect_many(camera())
    assert len([next(results) for _ in range(3)]) == 3
    with pytest.raises(RuntimeError, match="unplugged"):
        next(results)
    assert list(results) == []
    assert not names_of_threads()


def test_a_bad_picture_is_an_error_in_its_turn(
    detector: edge_edet.Detector, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    results = detector.detect_many([*shapes()[:2], tmp_path / "bad.png", *shapes()])
    assert len([next(results) for _ in range(2)]) == 2
    with pytest.raises(edge_edet.ImageError, match=r"bad\.png"):
        next(results)
    assert list(results) == []
    assert not names_of_threads()


def test_a_detector_that_is_closed_meanwhile_says_so(detector: edge_edet.Detector) -> None:
    results = detector.detect_many(shapes()[0] for _ in range(100))
    next(results)
    detector.close()
    with pytest.raises(edge_edet.BackendError, match="is closed"):
        list(results)
    assert not names_of_threads()


def test_warnings_come_from_the_loop_in_their_turn(
    detector: edge_edet.Detector, tmp_path: Path
) -> None:
    Image.fromarray(np.full((64, 64), 30, np.uint16)).save(tmp_path / "dark.png")
    results = detector.detect_many([shapes()[0], tmp_path / "dark.png", shapes()[1]])
    next(results)
    with pytest.warns(edge_edet.PictureWarning, match="16-bit values"):
        next(results)
    assert len(list(results)) == 1


@pytest.mark.parametrize("kind", ["path", "text", "array", "image", "number"])
def test_one_picture_is_refused_with_what_to_do(kind: str, detector: edge_edet.Detector) -> None:
    given: Any = {
        "path": Path("a.png"),
        "text": "a.png",
        "array": shapes()[0],
        "image": Image.new("RGB", (8, 8)),
        "number": 3,
    }[kind]
    with pytest.raises(edge_edet.InputError, match="give one picture to detect"):
        detector.detect_many(given)


def test_an_array_of_pictures(detector: edge_edet.Detector) -> None:
    batch = np.stack([shapes()[0]] * 3)
    assert len(list(detector.detect_many(batch))) == 3


def test_closing_ends_the_threads_and_the_generator(detector: edge_edet.Detector) -> None:
    ended: list[str] = []

    def camera() -> Iterator[np.ndarray[Any, Any]]:
        try:
            while True:
                yield shapes()[0]
        finally:
            ended.append(threading.current_thread().name)

    results = detector.detect_many(camera())
    next(results)
    assert names_of_threads() == {"edge-edet prepare", "edge-edet infer"}
    results.close()
    assert not names_of_threads()
    assert ended == ["edge-edet prepare"]
    assert len(detector.detect(shapes()[0])) == 2  # it can be used further


def test_a_loop_that_is_left_ends_the_threads(detector: edge_edet.Detector) -> None:
    for _ in detector.detect_many(shapes()[0] for _ in range(1000)):
        break
    wait_for(lambda: not names_of_threads())


def test_closing_does_not_wait_for_an_iterable_that_waits() -> None:
    waiting = threading.Event()

    def camera() -> Iterator[int]:
        yield 1
        waiting.wait()

    results = ahead(camera(), int, int)
    assert next(results) == 1
    results.close()
    assert names_of_threads() == {"edge-edet prepare"}
    waiting.set()
    wait_for(lambda: not names_of_threads())


def test_no_more_than_a_few_items_are_taken_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = ahead(items(), lambda number: number, lambda number: number)
    for number in range(5):
        assert next(results) == number
        most = number + 1 + MOST_AHEAD
        wait_for(lambda most=most: len(taken) == most)
        time.sleep(0.02)  # whoever took one more would have
        assert len(taken) == most
    results.close()


def test_an_item_is_prepared_before_the_next_one_is_asked_for() -> None:
    events: list[str] = []

    def items() -> Iterator[int]:
        for number in range(4):
            events.append(f"take {number}")
            yield number

    def prepare(number: int) -> int:
        time.sleep(0.002)
        events.append(f"prepared {number}")
        return number

    assert list(ahead(items(), prepare, lambda number: number)) == list(range(4))
    assert events == [f"{what} {n}" for n in range(4) for what in ("take", "prepared")]


def test_the_steps_run_at_the_same_time() -> None:
    """Each step waits for the other one to begin with its neighbour: one after the other, it would hang."""
    preparing = [threading.Event() for _ in range(4)]
    inferring = [threading.Event() for _ in range(4)]

    def prepare(number: int) -> int:
        preparing[number].set()
        if number:
            assert inferring[number - 1].wait(LONGEST_S)
        return number

    def infer(number: int) -> int:
        inferring[number].set()
        if number < 3:
            assert preparing[number + 1].wait(LONGEST_S)
        return number

    assert list(ahead(range(4), prepare, infer)) == [0, 1, 2, 3]


@pytest.mark.parametrize("step", ["prepare", "infer"])
@pytest.mark.parametrize("error", [ValueError("odd"), StopIteration("odd"), SystemExit("odd")])
def test_what_a_step_raises_is_raised_in_its_turn(step: str, error: BaseException) -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise error
        return number

    steps: dict[str, Callable[[int], int]] = {"prepare": int, "infer": int, step: fail}
    results = ahead(range(9), **steps)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    # a generator must not raise StopIteration: Python makes a RuntimeError of it
    expected = RuntimeError if isinstance(error, StopIteration) else type(error)
    with pytest.raises(expected):
        next(results)
    assert not names_of_threads()


def test_asyncio(detector: edge_edet.Detector) -> None:
    async def main() -> list[edge_edet.Detections]:
        results, found = detector.detect_many(shapes()), []
        while (one := await asyncio.to_thread(next, results, None)) is not None:
            found.append(one)
        return found

    assert len(asyncio.run(main())) == len(shapes())


def test_a_program_may_end_in_the_middle(tiny_int8: Path) -> None:
    """Threads in a runtime's native code when the interpreter ends would abort the program."""
    program = (
        "import edge_edet, numpy as np\n"
        f"detector = edge_edet.load({str(tiny_int8)!r}, threads=1)\n"
        "picture = np.zeros((64, 64, 3), np.uint8)\n"
        "results = detector.detect_many(picture for _ in iter(int, 1))\n"
        "next(results)\n"
        "print('done')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_results_are_not_held_while_the_next_one_is_waited_for() -> None:
    class Big: ...

    import weakref

    seen: list[weakref.ref[Big]] = []

    def infer(number: int) -> Big:
        one = Big()
        seen.append(weakref.ref(one))
        return one

    results: Generator[Big, None, None] = ahead(range(50), int, infer)
    for _ in range(50):
        next(results)
        alive = sum(one() is not None for one in seen)
        assert alive <= MOST_AHEAD
    results.close()


def test_reading_in_a_thread_leaves_the_filters_of_warnings_alone(
    detector: edge_edet.Detector, tmp_path: Path
) -> None:
    """A recorder of the loop's own records all, whenever it begins and ends."""
    Image.fromarray(shapes()[0]).save(tmp_path / "a.png")
    before = list(warnings.filters)
    for _ in detector.detect_many([tmp_path / "a.png"] * 40):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            time.sleep(0.001)
            warnings.warn("mine", UserWarning, stacklevel=1)
        assert [str(one.message) for one in seen] == ["mine"]
    assert list(warnings.filters) == before


def test_pillow_is_quiet_about_a_large_file(tmp_path: Path) -> None:
    Image.new("1", (16_000, 6_000)).save(tmp_path / "large.png")  # above where Pillow warns
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        read_picture(tmp_path / "large.png")
        assert not seen
        Image.open(tmp_path / "large.png").close()
    assert [one.category for one in seen] == [Image.DecompressionBombWarning]
