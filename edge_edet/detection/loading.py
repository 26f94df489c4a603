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
from edge_edet.errors import InputError
from edge_edet.files import read_whole
from edge_edet.foreign import InputOptions
from edge_edet.formats import ModelFile, read_model
from edge_edet.pictures import Given, PictureRange, check_range

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
    labels: str | Path | Sequence[str | None] | None = None,
    mean: Given | None = None,
    std: Given | None = None,
    fit: str | None = None,
    pad: int | str | Sequence[int] | None = None,
    input_size: int | str | Sequence[int] | None = None,
    verify: bool = True,
    isolate: bool | None = False,
) -> Detector:
    """A detector from a model file: .tflite by LiteRT, .xml by OpenVINO, .onnx by onnxruntime.

    threads: None takes the physical cores that the process may use, at most 4. runtime: for a
    .tflite "ai-edge-litert", "tflite-runtime" or "tensorflow", None takes the first installed one;
    an .onnx also runs in "openvino". score_threshold: None is 0.3, or what the model's own
    suppression was built with where that is higher. config: the whole protocol instead.

    device, of OpenVINO: "CPU" (as None), "GPU", "NPU", one of several as "GPU.1", or "AUTO", and
    `info` says what was taken; of onnxruntime: "CPU", "GPU" (CUDA), or a provider's own name.
    precision, of OpenVINO: what computes that is not integer. "f32", "bf16", "f16", or "default",
    which is the device's choice; None is "default" for an INT8 model, else "f32". cache_dir, of
    OpenVINO: compiled models are kept there.

    delegate, of LiteRT: None leaves the runtime's default (`info` says what it was), with XNNPACK's
    8-bit kernels where tflite-runtime leaves them off; "none" turns delegates off, "xnnpack",
    "gpu", "edgetpu", or the path of a delegate library, which gets delegate_options. "gpu"
    computes in float32, an INT8 model too; an fp16 model in float16 where the GPU can.

    picture_range: which values are black and white in grey pictures of more than 8 bits: (low, high),
    or "auto", each picture's 0.1 and 99.9 percentiles. None keeps the upper 8 of 16 bits, and warns
    with PictureWarning where that is nearly black.

    labels: a label file, or the names by class, instead of the model's own. The rest is for foreign
    detectors, whose files do not tell all: mean and std of an input that is float or int8, on the
    0-255 scale, as one number, three or their text; fit "letterbox" or "stretch", None is
    letterbox where the file says EfficientDet; pad, the colour beside a letterboxed picture, None
    is the mean; input_size, of an input of free size, (height, width) or the side of a square.
    `info` says what was taken and, in its notes, what was assumed.

    verify: hold a file of ours against the sum over graph and weights that its manifest states;
    `info.verified` is None for files without one, foreign ones and ours from before it.

    isolate: load and run the model once in a process of its own first, so that a file on which the
    runtime ends its process (by a signal, or after 120 s) is a BackendError here. None does it for
    files that are not verified, on the processor, as the commands do. It costs about a second.

    Raises ModelFileError for a file that is no usable model, or was changed after it was converted,
    MissingExtraError without a runtime,
    InputError for an option that its runtime does not have, BackendError where a delegate does not
    load, a device is not there or computes in another precision: nothing steps in for it.
    """
    check_config(config)
    if config is not None and score_threshold is not None:
        raise InputError("give score_threshold or config, not both: config has one")
    picture_range = check_range(picture_range)
    count = resolve_threads(threads)
    options = RunOptions(runtime, device, precision, cache_dir, delegate, delegate_options)
    given = InputOptions(mean, std, labels, fit, pad, input_size)

    def opened() -> Detector:
        return _opened(
            read_model(path),
            options,
            given,
            count,
            config,
            score_threshold,
            picture_range,
            verify,
            isolate,
        )

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
    return Detector(model, layout, backend, chosen, picture_range, verified)


def _config(layout: ModelLayout, score_threshold: float | None) -> PostprocessConfig:
    default = max(DEFAULT_SCORE_THRESHOLD, layout.built_threshold or 0.0)
    return PostprocessConfig(
        score_threshold=default if score_threshold is None else score_threshold
    )
