"""Runs the float network over pictures and keeps the statistics of its tensors: measurements only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge_edet.converters.calibrate.tensor_runs import (
    FloatTensorRunner,
    Operators,
    Pixels,
    passes,
    picture_input,
)
from edge_edet.converters.quantize import (
    CalibrationRecord,
    Statistics,
    as_stored,
    calibrated_tensors,
    preparation_of,
)
from edge_edet.errors import InputError
from edge_edet.network import Graph
from edge_edet.pictures import PictureRange, check_range, pictures_in, refuse_addresses
from edge_edet.terminal import Progress

T = TypeVar("T")


def find_pictures(folder: Path, count: int | None, seed: int) -> list[Path]:
    """`count` pictures of a folder, drawn by seed, all where count is None.

    Parameters
    ----------
    folder
        With its sub-folders.
    count
        How many; None: all.
    seed
        Of the draw.

    Returns
    -------
    list[Path]
        Paths, sorted.

    Raises
    ------
    InputError
        Where the folder is none, or has no pictures.
    """
    if not folder.is_dir():
        refuse_addresses(str(folder))
        what = "is no folder of pictures and no calibration record"
        if not os.path.lexists(folder):
            what = "is not there: expected a folder of pictures, or a calibration record"
        raise InputError(f"{str(folder)!r} {what}")
    found = pictures_in(folder)
    if count is None:
        return found
    return drawn(found, count, seed)


def drawn(found: Sequence[T], count: int, seed: int) -> list[T]:
    """`count` of them by seed, in their order; all where there are no more.

    Parameters
    ----------
    found
        To draw from.
    count
        How many.
    seed
        Of the draw.

    Returns
    -------
    list[T]
        In their order.
    """
    if count >= len(found):
        return list(found)
    chosen = np.random.default_rng(seed).choice(len(found), count, replace=False)
    return [found[i] for i in sorted(chosen)]


def calibrate(
    graph: Graph,
    weights_sha256: str,
    pictures: Sequence[Path],
    threads: int,
    picture_range: PictureRange = None,
) -> CalibrationRecord:
    """Run the float network over pictures and return the statistics of every calibrated tensor.

    Parameters
    ----------
    graph, weights_sha256
        The float network, and the digest of its weights.
    pictures
        At least one; each is letterboxed to the network's input.
    threads
        Of the interpreter.
    picture_range
        How the pictures are read, as `edge_edet.load` takes it.

    Returns
    -------
    CalibrationRecord
        The measurements.

    Raises
    ------
    ImageError
        For a file that is no picture.
    """
    v, picture_range = graph.variant, check_range(picture_range)
    digests = dict.fromkeys(pictures, "")

    def load(path: Path) -> Pixels:
        pixels = picture_input(path, v, picture_range)
        digests[path] = hashlib.sha256(pixels.tobytes()).hexdigest()
        return pixels

    statistics = as_stored(collect(graph, pictures, load, threads))
    names = "".join(f"{path.name} {digest}\n" for path, digest in digests.items())
    return CalibrationRecord(
        statistics,
        v.name,
        v.image_size,
        weights_sha256,
        hashlib.sha256(names.encode()).hexdigest(),
        len(pictures),
        pictures[0].resolve().parent.name,
        picture_range,
        preparation_of(v),
    )


def calibrate_on_noise(
    graph: Graph,
    weights_sha256: str,
    count: int,
    seed: int,
    threads: int,
    operators: Operators | None = None,
) -> CalibrationRecord:
    """Return statistics over `count` pictures of noise.

    For random weights only, where nothing but the latency is of interest. operators: as of
    TfliteLowering, for a graph with operators of its own.

    Parameters
    ----------
    graph
        The network.
    weights_sha256
        Digest of the weights.
    count
        How many pictures of noise.
    seed
        Of the noise.
    threads
        CPU threads of the runtime.
    operators
        As of TfliteLowering, for a graph with operators of its own.

    Returns
    -------
    CalibrationRecord
        The measurements.
    """
    v = graph.variant
    return CalibrationRecord(
        collect(graph, range(count), noise_of(graph, seed), threads, operators),
        v.name,
        v.image_size,
        weights_sha256,
        f"noise, seed {seed}",
        count,
        "noise",
    )


def noise_of(graph: Graph, seed: int) -> Callable[[int], Pixels]:
    """Return a function from a number to a picture of noise, [1, S, S, 3] uint8.

    Parameters
    ----------
    graph
        The network.
    seed
        Of the noise.

    Returns
    -------
    Callable[[int], Pixels]
        The same number gives the same picture.
    """

    def noise(index: int) -> Pixels:
        return np.random.default_rng((seed, index)).integers(0, 256, graph.input_shape, np.uint8)

    return noise


def collect(
    graph: Graph,
    inputs: Sequence[T],
    load: Callable[[T], Pixels],
    threads: int,
    operators: Operators | None = None,
) -> dict[str, Statistics]:
    """Run the float network on each input and takes in every calibrated tensor.

    A network whose tensors do not fit into memory together is run several times, so `load` is called
    again for each pass. `load` gives [1, S, S, 3] uint8.
    """
    shapes = {node.name: node.shape for node in graph.nodes}
    names = calibrated_tensors(graph)
    statistics = {name: Statistics.empty(shapes[name][-1]) for name in names}
    parts = passes(names, shapes)
    what = f"calibrating {graph.variant.name}"
    with Progress(what, len(parts) * len(inputs), "pictures") as progress:
        for tensors in parts:
            run = FloatTensorRunner(graph, tensors, threads, operators)
            for item in inputs:
                for name, values in run(load(item)):
                    statistics[name].add(values)
                progress.advance()
    return statistics
