"""`edge-edet detect`: pictures in, boxes out as a table, JSON Lines or drawn pictures."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from edge_edet.commands.detect_video import (
    add_video_arguments,
    refuse_video_options,
    run_video,
    video_of,
)
from edge_edet.commands.renamed import add_renamed_option
from edge_edet.errors import ImageError, InputError
from edge_edet.foreign import add_input_arguments, input_options
from edge_edet.formats import FORMATS
from edge_edet.output_files import DRAWING, Outputs, add_overwrite_argument
from edge_edet.pictures import (
    PictureLog,
    add_decode_argument,
    add_picture_arguments,
    find_given,
    range_text,
)
from edge_edet.terminal import joined, track

if TYPE_CHECKING:
    from edge_edet.detection import Detections, Detector, LetterboxTransform, RawOutputs
    from edge_edet.pictures import Finding, PictureRange

__all__ = [
    "add_arguments",
    "add_isolate_argument",
    "add_run_arguments",
    "add_verify_argument",
    "default_model",
    "run",
    "run_options",
]

T = TypeVar("T")
BUILD_FOLDER = Path("build")
LABEL_COLUMNS = 30
STATUS_BAD_PICTURE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `detect`."""
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="a picture, a folder (with the folders below it), or a glob pattern; or one video file, "
        "camera:0, or an address rtsp://, http:// or udp:// of a stream",
    )
    parser.add_argument(
        "-m",
        "--model",
        type=Path,
        help="a .tflite, .xml (OpenVINO) or .onnx; default: the newest .tflite in build/",
    )
    add_run_arguments(parser)
    add_renamed_option(parser, "--precision", "--inference-precision")
    add_input_arguments(parser)
    parser.add_argument(
        "--score-threshold", type=float, metavar="X", help="lowest score shown; default: 0.3"
    )
    add_picture_arguments(parser)
    add_decode_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document for each picture")
    parser.add_argument(
        "--draw",
        type=Path,
        metavar="DIR|FILE",
        help="write the pictures with their boxes into this folder, as PNG; of a video into this .mp4",
    )
    parser.add_argument(
        "--raw",
        type=Path,
        metavar="FILE|DIR",
        help="write the input tensor, the raw outputs, their quantization and the anchors: for one "
        "picture a file OUT.npz, else a folder (docs/raw.md)",
    )
    add_overwrite_argument(parser)
    add_video_arguments(parser)


def add_run_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the options of how a model runs, which `run_options` passes to `edge_edet.load`.

    Parameters
    ----------
    parser
        The parser of the command, or a group of its options.
    """
    parser.add_argument(
        "--threads", type=int, metavar="N", help="default: physical cores, at most 4"
    )
    parser.add_argument(
        "--runtime",
        metavar="R",
        help="for .tflite: ai-edge-litert, tflite-runtime or tensorflow, default: the first one "
        "installed; for .onnx: onnxruntime (default) or openvino",
    )
    parser.add_argument(
        "--device",
        metavar="D",
        help="for .xml and .onnx: CPU (default), GPU, NPU or AUTO; 'edge-edet doctor' lists them",
    )
    parser.add_argument(
        "--inference-precision",
        dest="precision",
        metavar="P",
        help="OpenVINO only, precision of the layers that are not INT8: f32, bf16, f16, or default, "
        "the device's choice; if not given, default for an INT8 model, else f32",
    )
    parser.add_argument(
        "--delegate",
        metavar="D",
        help="for .tflite: none, xnnpack, gpu, edgetpu or the path of a delegate library; "
        "default: the runtime's own",
    )
    parser.add_argument(
        "--delegate-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="passed to the delegate; may be repeated",
    )
    parser.add_argument(
        "--tiles",
        metavar="CxR",
        help="also look at this many columns and rows of tiles of each picture, such as 2x2, for small "
        "objects; or auto: tiles of at most 1.5 times the input, up to 4x4. Each is an inference",
    )
    add_verify_argument(parser)
    add_isolate_argument(parser)


def add_verify_argument(parser: argparse._ActionsContainer) -> None:
    """Add --no-verify.

    Parameters
    ----------
    parser
        The parser of the command, or a group of its options.
    """
    parser.add_argument(
        "--no-verify",
        dest="verify",
        action="store_false",
        help="run a file of 'edge-edet convert' even if it was changed afterwards",
    )


def add_isolate_argument(parser: argparse._ActionsContainer) -> None:
    """Add --isolate and --no-isolate.

    Parameters
    ----------
    parser
        The parser of the command, or a group of its options.
    """
    parser.add_argument(
        "--isolate",
        action=argparse.BooleanOptionalAction,
        help="first run the model once in a separate process, so that a file that crashes the runtime "
        "gives a one-line error; default: on the CPU, for all but unchanged files of 'edge-edet convert'",
    )


def run_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments of `edge_edet.load` for the options of `add_run_arguments`.

    Parameters
    ----------
    args
        The parsed command line.

    Returns
    -------
    dict[str, Any]
        Keyword arguments.
    """
    return {
        "threads": args.threads,
        "runtime": args.runtime,
        "device": args.device,
        "precision": args.precision,
        "delegate": args.delegate,
        "delegate_options": parse_options(args.delegate_option),
        "verify": args.verify,
        "isolate": args.isolate,
        "tiles": args.tiles,
    }


def run(args: argparse.Namespace) -> int:
    """Detect objects in the pictures and print them.

    Returns 0, or 2 where a picture could not be used: one that was named, with --strict any, or all.
    """
    from edge_edet.detection import padding_note

    if (video := video_of(args.images)) is not None:
        if args.raw or args.strict or args.picture_range is not None or args.decode != "full":
            raise InputError(
                "--raw, --strict, --range and --decode are for pictures, and this is a video"
            )
        if args.overwrite and not args.draw:
            raise InputError("--overwrite is for --draw: give it too")
        with _loaded(args) as detector:
            return run_video(args, video, detector)
    refuse_video_options(args)
    if args.raw and args.tiles:
        raise InputError(
            "--raw writes the tensors of one input, and --tiles makes several: leave one out"
        )
    given = find_given(args.images, without=args.draw)
    for path in given.paths:
        if path.suffix.lower() in FORMATS and path.is_file():
            raise InputError(f"{str(path)!r} is a model file, not a picture: give it with -m")
    writing = args.draw or args.raw
    if args.overwrite and not writing:
        raise InputError("--overwrite is for --draw and --raw: give one of them too")
    read = [*given.paths, *(one for one in (args.model, args.labels) if one is not None)]
    drawings = Outputs(read, overwrite=args.overwrite, option="--draw")
    raws = Outputs(read, overwrite=args.overwrite, option="--raw")
    targets = _targets(given.paths, args.draw, drawings) if args.draw else {}
    raw_targets = _raw_targets(given.paths, args.raw, raws) if args.raw else {}
    detector = _loaded(args)
    log, bad = PictureLog(), 0
    with (
        detector,
        drawings,
        raws,
        contextlib.closing(_results(detector, given.paths, raw=bool(args.raw))) as results,
    ):
        for picture, one in _progress(results, len(given)):
            if isinstance(one, ImageError):
                if given[picture] or args.strict:
                    print(f"edge-edet: error: {one}", file=sys.stderr)
                    bad += 1
                else:
                    log.leave_out(str(picture), str(one))
                continue
            log.add(str(picture), one.findings)
            if one.raw is not None:
                one.raw.save(raw_targets[picture], picture=picture, outputs=raws)
                raws.release(raw_targets[picture])  # others may write into the folder meanwhile
            found = detector.select(one.outputs, one.placement)
            if args.draw:
                _draw(picture, found, detector.picture_range, targets[picture], drawings)
            _print(detector, picture, one, found, as_json=args.json)
        if note := padding_note(detector.info.padding, detector.info.variant):
            print(f"note: {note}", file=sys.stderr)
    log.say()
    if log.left_out == len(given):
        raise ImageError(f"none of the {len(given)} pictures can be read")
    return STATUS_BAD_PICTURE if bad else 0


def _loaded(args: argparse.Namespace) -> Detector:
    """Load the model, and print its notes."""
    from edge_edet.detection import load

    detector = load(
        args.model or default_model(),
        **run_options(args),
        **input_options(args),
        score_threshold=args.score_threshold,
        picture_range=args.picture_range,
        decode=args.decode,
    )
    for note in detector.info.notes:
        print(f"note: {note}", file=sys.stderr)
    return detector


class _Inferred(NamedTuple):
    """What the model gave for a picture."""

    outputs: Mapping[str, Any]
    placement: LetterboxTransform
    size: tuple[int, int]
    findings: tuple[Finding, ...]
    raw: RawOutputs | None


def _results(
    detector: Detector, pictures: list[Path], *, raw: bool
) -> Generator[tuple[Path, _Inferred | ImageError], None, None]:
    """Yield each picture with what the model gave for it, or with the reason why it cannot be used."""
    from edge_edet.detection import ahead

    def prepare(picture: Path) -> tuple[Path, Any]:
        try:
            read = detector.read(picture)
            return picture, (*detector.prepare(read), read.size, read.findings)
        except ImageError as error:
            return picture, error

    def infer(ready: tuple[Path, Any]) -> tuple[Path, _Inferred | ImageError]:
        picture, rest = ready
        if isinstance(rest, ImageError):
            return picture, rest
        tensor, placement, size, findings = rest
        kept = detector.raw_of(tensor, placement) if raw else None
        outputs = detector.infer(tensor) if kept is None else kept.outputs
        return picture, _Inferred(outputs, placement, size, findings, kept)

    return ahead(pictures, prepare, infer)


def _draw(
    picture: Path,
    found: Detections,
    picture_range: PictureRange,
    target: Path,
    outputs: Outputs,
) -> None:
    """Draw the boxes; the picture is read again, so that none waits in memory as a whole."""
    from edge_edet.draw import draw, save_png
    from edge_edet.pictures import read_picture

    save_png(draw(read_picture(picture, picture_range).rgb, found), target, outputs)
    outputs.release(target)


def _print(
    detector: Detector, picture: Path, one: _Inferred, found: Detections, *, as_json: bool
) -> None:
    if as_json:
        notes = [finding.text() for finding in one.findings]
        print(json.dumps(document(detector, picture, one.size, found, notes), ensure_ascii=False))
    else:
        print(joined(table(picture, one.size, found)))
    sys.stdout.flush()


def document(
    detector: Detector,
    picture: Path,
    size: tuple[int, int],
    found: Detections,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what --json prints for one picture."""
    from edge_edet.detection import padding_note

    info = detector.info
    return {
        "image": str(picture),
        "width": size[0],
        "height": size[1],
        "model": info.model_path,
        "precision": info.precision,
        "runtime": f"{info.runtime} {info.runtime_version}",
        "delegate": info.delegate,
        "input_size": list(info.image_size),
        "tiles": getattr(detector, "tiles", None),
        "fit": info.fit,
        "fit_reason": info.fit_reason,
        "execution_devices": list(info.execution_devices),
        "inference_precision": info.inference_precision,
        "score_threshold": info.postprocess.score_threshold,
        "range": range_text(detector.picture_range),
        "decode": detector.decode,
        "notes": [
            *(one for one in info.notes if one != padding_note(info.padding, info.variant)),
            *notes,
        ],
        "detections": found.to_dicts(),
    }


def table(picture: Path, size: tuple[int, int], found: Detections) -> Iterator[str]:
    """Yield the lines for one picture, at most 80 columns beside its path."""
    count = f"{len(found)} object{'' if len(found) == 1 else 's'}"
    yield f"{picture}: {size[0]} x {size[1]}, {count}"
    if len(found):
        sides = " ".join(f"{side:>8}" for side in ("xmin", "ymin", "xmax", "ymax"))
        yield f"  score  {'label':<{LABEL_COLUMNS}} {sides}"
    for one in found:
        label = " ".join(one.label.split())
        if len(label) > LABEL_COLUMNS:
            label = label[: LABEL_COLUMNS - 3] + "..."
        box = " ".join(f"{value:8.1f}" for value in one.box)
        yield f"  {one.score:5.3f}  {label:<{LABEL_COLUMNS}} {box}"


def default_model(folder: Path = BUILD_FOLDER) -> Path:
    """Return the newest .tflite in the build folder. Raises InputError where there is none."""
    models = sorted(folder.glob("*.tflite"), key=lambda path: path.stat().st_mtime)
    if not models:
        raise InputError(
            f"no model given and none in {str(folder)!r}: give one with -m, or make one with "
            "'edge-edet convert --int8 d0'"
        )
    return models[-1]


def parse_options(options: Iterable[str]) -> dict[str, str]:
    """Read KEY=VALUE texts.

    Parameters
    ----------
    options
        Texts such as `device=usb:0`.

    Returns
    -------
    dict[str, str]
        Value by key.

    Raises
    ------
    InputError
        For a text without `=`.
    """
    parsed = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not key or not equals:
            raise InputError(f"--delegate-option must be KEY=VALUE, but got {option!r}")
        parsed[key] = value
    return parsed


def _targets(pictures: list[Path], folder: Path, outputs: Outputs) -> dict[Path, Path]:
    """Return where each picture is drawn to: its name as .png, made unique by a number.

    Raises InputError, before the first is drawn, where one of them may not be written.
    """
    targets = _named(pictures, folder, ".png")
    for target in targets.values():
        outputs.check(target, DRAWING)
    return targets


def _raw_targets(pictures: list[Path], where: Path, outputs: Outputs) -> dict[Path, Path]:
    """Return where each picture's raw outputs go: one file, or a folder of them."""
    from edge_edet.detection import RAW

    if where.suffix.lower() != ".npz":
        targets = _named(pictures, where, ".npz")
    elif len(pictures) == 1:
        targets = {pictures[0]: where}
    else:
        raise InputError(
            f"--raw {str(where)!r} is one file, and there are {len(pictures)} pictures: give a folder"
        )
    for target in targets.values():
        outputs.check(target, RAW)
    return targets


def _named(pictures: list[Path], folder: Path, suffix: str) -> dict[Path, Path]:
    """Return picture -> its name with that suffix in the folder, made unique by a number."""
    taken: set[str] = set()
    targets = {}
    for picture in pictures:
        name, number = picture.stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{picture.stem}-{number}"
        taken.add(name.lower())
        targets[picture] = folder / f"{name}{suffix}"
    return targets


def _progress(results: Iterable[T], count: int) -> Iterable[T]:
    if count < 2 or not sys.stderr.isatty() or sys.stdout.isatty():
        return results  # on a terminal the results themselves show how far it is
    return track(results, "detect", count, unit="pictures")
