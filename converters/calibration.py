"""Runs the float network over pictures and keeps the statistics of every calibrated tensor.

The digest covers names and pixels of the pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge_edet.converters.calibration_record import CalibrationRecord, as_stored
from edge_edet.converters.graph import Array, Graph
from edge_edet.converters.quantized import Quantized
from edge_edet.converters.ranges import calibrated_tensors
from edge_edet.converters.statistics import Statistics
from edge_edet.converters.to_tflite import write_tflite
from edge_edet.errors import InputError
from edge_edet.image import read_image
from edge_edet.preprocess import letterbox
from edge_edet.progress import Progress
from edge_edet.variants import Variant

T = TypeVar("T")
Pixels = npt.NDArray[np.uint8]
MAX_PASS_BYTES = 2**32  # tensors kept at once; a larger network is run several times a picture
PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


def find_pictures(folder: Path, count: int | None, seed: int) -> list[Path]:
    """`count` pictures of a folder, drawn by seed, all where count is None. Raises InputError."""
    if not folder.is_dir():
        raise InputError(f"{str(folder)!r} is no folder of pictures and no calibration record")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise InputError(
            f"no pictures in {str(folder)!r}: expected files ending in "
            f"{', '.join(PICTURE_SUFFIXES)}"
        )
    if count is None or count >= len(found):
        return found
    chosen = np.random.default_rng(seed).choice(len(found), count, replace=False)
    return [found[i] for i in sorted(chosen)]


def picture_input(path: Path, variant: Variant) -> Pixels:
    """[1, S, S, 3] uint8. Raises ImageError for a file that is no picture."""
    return letterbox(read_image(path), variant.image_size, variant.pad_rgb)[0]


def calibrate(graph: Graph, weights_sha256: str, pictures: Sequence[Path],
              threads: int) -> CalibrationRecord:  # fmt: skip
    """Statistics of every calibrated tensor over the pictures. Raises ImageError for a bad one."""
    v = graph.variant
    digests = dict.fromkeys(pictures, "")

    def load(path: Path) -> Pixels:
        pixels = picture_input(path, v)
        digests[path] = hashlib.sha256(pixels.tobytes()).hexdigest()
        return pixels

    statistics = as_stored(collect(graph, pictures, load, threads))
    names = "".join(f"{path.name} {digest}\n" for path, digest in digests.items())
    digest = hashlib.sha256(names.encode()).hexdigest()
    return CalibrationRecord(
        statistics, v.name, v.image_size, weights_sha256, digest, len(pictures),
        pictures[0].resolve().parent.name,
    )  # fmt: skip


def calibrate_on_noise(graph: Graph, weights_sha256: str, count: int, seed: int,
                       threads: int) -> CalibrationRecord:  # fmt: skip
    """For random weights only, where nothing but the latency will be looked at."""
    v = graph.variant

    def noise(index: int) -> Pixels:
        return np.random.default_rng((seed, index)).integers(0, 256, graph.input_shape, np.uint8)

    statistics = collect(graph, range(count), noise, threads)
    return CalibrationRecord(
        statistics, v.name, v.image_size, weights_sha256, f"noise, seed {seed}", count, "noise"
    )


def collect(graph: Graph, inputs: Sequence[T], load: Callable[[T], Pixels],
            threads: int) -> dict[str, Statistics]:  # fmt: skip
    """Runs the float network on each input and takes in every calibrated tensor.

    A network whose tensors do not fit into memory together is run several times, so `load` is called
    again for each pass. `load` gives [1, S, S, 3] uint8.
    """
    shapes = {node.name: node.shape for node in graph.nodes}
    names = calibrated_tensors(graph)
    statistics = {name: Statistics.empty(shapes[name][-1]) for name in names}
    passes = _passes(names, shapes)
    what = f"calibrating {graph.variant.name}"
    with Progress(what, len(passes) * len(inputs), "pictures") as progress:
        for tensors in passes:
            run = Pass(graph, tensors, threads)
            for item in inputs:
                for name, values in run(load(item)):
                    statistics[name].add(values)
                progress.advance()
    return statistics


def _passes(names: list[str], shapes: dict[str, tuple[int, ...]]) -> list[list[str]]:
    """Groups of tensors that fit into MAX_PASS_BYTES."""
    groups: list[list[str]] = [[]]
    used = 0
    for name in names:
        size = 4 * int(np.prod(shapes[name]))
        if groups[-1] and used + size > MAX_PASS_BYTES:
            groups.append([])
            used = 0
        groups[-1].append(name)
        used += size
    return groups


class Pass:
    """One interpreter that exposes some of the tensors and ends with the last of them.

    Called with a picture it yields each tensor by name: float32, or int8 where `quantized` is given.
    """

    def __init__(self, graph: Graph, names: list[str], threads: int,
                 quantized: Quantized | None = None):  # fmt: skip
        from ai_edge_litert.interpreter import Interpreter

        last = max(i for i, node in enumerate(graph.nodes) if node.name in names)
        part = Graph(graph.variant, graph.input_name, graph.nodes[: last + 1], {})
        precision = "fp32" if quantized is None else "int8"
        model = write_tflite(part, precision, quantized, extra_outputs=names)
        self.interpreter = Interpreter(model_content=model, num_threads=threads)
        self.interpreter.allocate_tensors()
        self.image = self.interpreter.get_input_details()[0]["index"]
        details = {d["name"]: d["index"] for d in self.interpreter.get_output_details()}
        self.outputs = {name: details[name] for name in names}

    def __call__(self, pixels: Pixels) -> Iterator[tuple[str, Array]]:
        self.interpreter.set_tensor(self.image, pixels)
        self.interpreter.invoke()
        for name, index in self.outputs.items():
            yield name, self.interpreter.get_tensor(index)
