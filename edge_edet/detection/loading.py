"""Loading: from a model file and options to a `Detector`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_edet.arguments import as_path
from edge_edet.backends import (
    RunOptions,
    applies,
    check_options,
    open_backend,
    resolve_threads,
    run_apart,
)
from edge_edet.content_sum import check_content
from edge_edet.detection.detector import Detector
from edge_edet.detection.model_layout import ModelLayout, layout_of
from edge_edet.detection.postprocess import (
    PostprocessConfig,
    check_config,
    check_in_graph,
)
from edge_edet.detection.tiles import TiledDetector, check_tiles
from edge_edet.errors import InputError
from edge_edet.files import read_whole
from edge_edet.foreign import InputOptions
from edge_edet.formats import ModelFile, read_model
from edge_edet.pictures import Given, PictureRange, check_decode, check_range

__all__ = ["load"]

DEFAULT_SCORE_THRESHOLD = 0.3


def load(
    path: str | Path,
    *,
    threads: int | None = None,
    runtime: str | None = None,
    device: str | None = None,
    precision: str | None = None,
    cache_dir: str | Path | None = None,
    delegate: str | None = None,
    delegate_options: Mapping[str, str] | None = None,
    score_threshold: float | None = None,
    config: PostprocessConfig | None = None,
    picture_range: PictureRange = None,
    decode: str = "full",
    labels: str | Path | Sequence[str | None] | None = None,
    mean: Given | None = None,
    std: Given | None = None,
    fit: str | None = None,
    pad: int | str | Sequence[int] | None = None,
    input_size: int | str | Sequence[int] | None = None,
    verify: bool = True,
    isolate: bool | None = False,
    tiles: str | None = None,
) -> Detector:
    """Load a detector from a model file: .tflite by LiteRT, .xml by OpenVINO, .onnx by onnxruntime.

    There is no fallback: what was asked for is what runs, or an error says why not. The detector's `info`
    says what was taken and, in its notes, what was assumed.

    Parameters
    ----------
    path
        The model file.
    threads
        None: the physical cores that the process may use, at most 4.
    runtime
        For a .tflite "ai-edge-litert", "tflite-runtime" or "tensorflow"; None: the first one installed. For
        an .onnx "onnxruntime" (None) or "openvino".
    device
        For OpenVINO "CPU" (None), "GPU", "NPU", one of several such as "GPU.1", or "AUTO"; for onnxruntime
        "CPU" (None), "GPU" (CUDA), or the name of an execution provider.
    precision
        OpenVINO only: the precision of the layers that are not INT8, "f32", "bf16", "f16", or "default", the
        device's choice. None: "default" for an INT8 model, else "f32".
    cache_dir
        OpenVINO only: folder for compiled models.
    delegate
        LiteRT only. None: the runtime's default, with XNNPACK's 8-bit kernels where tflite-runtime leaves
        them off; "none", "xnnpack", "gpu", "edgetpu", or the path of a delegate library. "gpu" computes in
        float32, an INT8 model too; an fp16 model in float16 where the GPU can.
    delegate_options
        Passed to the delegate library.
    score_threshold
        Lowest score of a detection, 0 to 1. None: 0.3, or what the model's own suppression was built with
        where that is higher.
    config
        All of the postprocessing, instead of score_threshold.
    picture_range
        Which values are black and white in grey pictures of more than 8 bits: (low, high), or "auto", each
        picture's 0.1 and 99.9 percentiles. None: the upper 8 of 16 bits, with a PictureWarning where that is
        nearly black.
    decode
        How JPEG files are decoded: "full", or "scaled", by libjpeg to a half, a quarter or an eighth of their
        sides, but not below what the input takes. That is faster and gives other pixels
        (docs/how-to/many-pictures.md has speed and AP); pictures of other kinds are not touched by it.
    labels
        A label file, or the names by class id, instead of the model's own.
    mean, std
        Foreign detectors only: normalization of a float or int8 input on the 0-255 scale, as one number,
        three, or their text.
    fit
        Foreign detectors only: "letterbox" or "stretch". None: letterbox where the file says EfficientDet.
    pad
        Foreign detectors only: colour beside a letterboxed picture. None: the mean.
    input_size
        Foreign detectors with an input of free size: (height, width), or the side of a square.
    verify
        Check a file from `edge-edet convert` against the checksum of graph and weights in its manifest;
        `info.verified` is None for files without one.
    isolate
        Load and run the model once in a process of its own first, so that a file that crashes the runtime, or
        hangs for 120 s, is a BackendError here. It costs about a second. None: only for files that are not
        verified, on the CPU, as the commands do.
    tiles
        Also look at the tiles of each picture, for small objects: columns x rows, such as "2x2", or "auto",
        so many that a tile is at most 1.5 times the model's input, up to 4 x 4. Each tile is an inference.

    Returns
    -------
    Detector
        To be closed, or used in a `with` statement.

    Raises
    ------
    ModelFileError
        The file is no usable model, or was changed after it was converted.
    MissingExtraError
        No runtime for it is installed.
    InputError
        An option is wrong, or its runtime does not have it.
    BackendError
        A delegate does not load, or a device is not there or computes in another precision.
    """
    check_config(config)
    if config is not None and score_threshold is not None:
        raise InputError("give score_threshold or config, not both: config has one")
    picture_range, decode = check_range(picture_range), check_decode(decode)
    count = resolve_threads(threads)
    options = RunOptions(runtime, device, precision, cache_dir, delegate, delegate_options)
    given = InputOptions(mean, std, labels, fit, pad, input_size)

    tiles = check_tiles(tiles)

    def opened() -> Detector:
        detector = _opened(
            read_model(path),
            options,
            given,
            count,
            config,
            score_threshold,
            picture_range,
            decode,
            verify,
            isolate,
        )
        return detector if tiles is None else TiledDetector(detector, tiles)

    return read_whole(
        as_path(path, "the model's path"), opened
    )  # an IR's two files may be switched meanwhile


def _opened(
    model: ModelFile,
    options: RunOptions,
    given: InputOptions,
    threads: int,
    config: PostprocessConfig | None,
    score_threshold: float | None,
    picture_range: PictureRange,
    decode: str,
    verify: bool,
    isolate: bool | None,
) -> Detector:
    check_options(model, options)
    layout = layout_of(model, given)
    verified = check_content(model, layout.manifest) if verify else False
    chosen = config or _config(layout, score_threshold)
    if layout.in_graph:
        check_in_graph(chosen, layout.built_threshold)
    shapes = {layout.input_name: (1, *layout.input_size, 3)} if layout.resized else None
    if applies(isolate, verified, options):
        run_apart(model, options, threads=threads, stored=layout.precision, input_shapes=shapes)
    backend = open_backend(
        model, options, threads=threads, stored=layout.precision, input_shapes=shapes
    )
    return Detector(model, layout, backend, chosen, picture_range, verified, decode)


def _config(layout: ModelLayout, score_threshold: float | None) -> PostprocessConfig:
    default = max(DEFAULT_SCORE_THRESHOLD, layout.built_threshold or 0.0)
    return PostprocessConfig(
        score_threshold=default if score_threshold is None else score_threshold
    )
