"""The parity report: all that is known of an INT8 model against its float model, in one record.

report.json, format version 1, and beside it one page of HTML that needs nothing else. No date and no
machine path but what the command has: the same files and pictures give the same parity report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_edet import __version__
from edge_edet.converters.inspect.comparison import Comparison, compare_and_judge
from edge_edet.converters.inspect.figure import error_figure, svg
from edge_edet.converters.inspect.network_parts import part_of
from edge_edet.converters.inspect.parity.page import page
from edge_edet.converters.inspect.pictures import check_same_input, check_same_weights
from edge_edet.converters.inspect.result import Inspection, read_inspectable
from edge_edet.converters.inspect.verdict import MOVED_IOU, SAME_IOU, Agreement, thresholds
from edge_edet.errors import InputError
from edge_edet.formats import FORMATS, ModelFile, sha256_of
from edge_edet.manifest import manifest_of
from edge_edet.output_files import PARITY_PAGE, PARITY_REPORT, Outputs, outputs_of
from edge_edet.pictures import PictureRange, pictures_digest, range_text
from edge_edet.runtimes import installed_version

FORMAT_VERSION = 1
TOOLS = ("numpy", "pillow")
WORST_TENSORS = 40


def write_parity_report(
    int8_path: Path,
    float_path: Path,
    pictures: Sequence[Path],
    dataset_result: Mapping[str, Any] | None = None,
    *,
    output: Path = Path("build/parity"),
    compared: Sequence[Path] = (),
    command: str = "",
    threads: int = 2,
    picture_range: PictureRange = None,
    notes: Mapping[str, int] | None = None,
    outputs: Outputs | None = None,
) -> dict[str, Any]:
    """Measures, writes report.json and index.html into `output`, and returns the record.

    pictures: for the detections; compared: those of them on which tensors are compared, by default
    the first 8. dataset_result: {"results": [float, INT8], "differences": [...]} of JSON-ready
    dicts, as `edge-edet eval --json` prints. picture_range: how the pictures are read; notes: what was
    met in them. outputs: what else the command writes, and its inputs. Raises InputError where the files
    are not twins, and where other files stand where the parity report should.
    """
    integer, exact = read_inspectable(int8_path), read_inspectable(float_path)
    check_same_input(integer, exact)
    check_same_weights(integer, exact)
    inner = list(compared or pictures[:8])
    if not inner:
        raise InputError("a parity report needs pictures: none were given")
    judged = compare_and_judge(
        int8_path,
        float_path,
        inner,
        threads,
        picture_range,
        detected=pictures,
        accuracy=dataset_result,
    )
    inspection = judged.inspection
    record = _record(integer, exact, judged, pictures, inner)
    record["accuracy"] = dict(dataset_result) if dataset_result else None
    record["command"] = command
    record["range"] = range_text(picture_range)
    record["notes"] = dict(notes or {})
    figure = error_figure(inspection.tensors, inspection.blocks, f"{int8_path.name} against float")
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    with outputs_of(outputs) as writing:
        claim_parity_report(writing, output)
        writing.write(output / "report.json", f"{text}\n".encode(), PARITY_REPORT)
        writing.write(output / "index.html", page(record, svg(figure)).encode(), PARITY_PAGE)
    return record


def claim_parity_report(outputs: Outputs, folder: Path) -> None:
    """Raises InputError where the two files may not be written there."""
    outputs.claim(folder / "report.json", PARITY_REPORT)
    outputs.claim(folder / "index.html", PARITY_PAGE)


def _record(
    integer: ModelFile,
    exact: ModelFile,
    judged: Comparison,
    pictures: Sequence[Path],
    inner: Sequence[Path],
) -> dict[str, Any]:
    inspection, found, verdict = judged.inspection, judged.agreement, judged.verdict
    outputs = {t.name for t in integer.output_tensors}
    manifest = manifest_of(integer)
    return {
        "format_version": FORMAT_VERSION,
        "generator": f"edge-edet {__version__}",
        "tools": _versions((FORMATS[integer.format].runtimes[0], *TOOLS)),
        **verdict.to_dict(),
        "thresholds": thresholds(),
        "findings": [f.to_dict(verdict.name) for f in inspection.findings],
        "int8": _file(integer),
        "float": _file(exact),
        "provenance": dict(manifest.provenance) if manifest else None,
        "variant": manifest.variant.name if manifest else None,
        "image_size": manifest.variant.image_size if manifest else None,
        "operators": inspection.facts.operators,
        "float_operators_inside": inspection.facts.islands,
        "openvino": _openvino(inspection),
        "protocol": {
            "tensors": {"pictures": len(inner), "sha256": pictures_digest(inner)},
            "detections": {
                "pictures": len(pictures),
                "sha256": pictures_digest(pictures),
                "score_threshold": Agreement.score_threshold,
                "same_iou": SAME_IOU,
                "moved_iou": MOVED_IOU,
                "suppression": "hard, IoU 0.5, per class",
            },
        },
        "outputs": [
            e.to_dict()
            for e in inspection.tensors
            if e.name in outputs or part_of(e.name) == "outputs"
        ],
        "blocks": [b.to_dict() for b in inspection.blocks],
        "worst_tensors": [e.to_dict() for e in inspection.tensors[:WORST_TENSORS]],
        "weights_error": [c.to_dict() for c in inspection.constants],
        "agreement": found.to_dict() if found else None,
    }


def _openvino(inspection: Inspection) -> dict[str, Any] | None:
    """Of an IR: what is integer, and what ran in which precision; times are not reproducible."""
    facts = inspection.facts.openvino
    if facts is None:
        return None
    ran = facts["executed"]
    return {
        "convolutions": facts["convolutions"],
        "as_run": facts.get("as_run"),
        "executed": ran
        and {key: ran[key] for key in ("device", "precision", "layers", "in_float")},
    }


def _file(model: ModelFile) -> dict[str, Any]:
    manifest = manifest_of(model)
    return {
        "file": model.path.name,
        "sha256": sha256_of(model.path),
        "size_bytes": model.size_bytes,
        "precision": manifest.precision if manifest else None,
    }


def _versions(tools: Sequence[str]) -> dict[str, str]:
    found = {name: installed_version(name) for name in tools}
    return {name: version for name, version in found.items() if version}
