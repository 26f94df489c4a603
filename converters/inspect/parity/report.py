"""The parity report: the whole comparison of an INT8 model with its float model, in one record.

It is report.json, of format version 1, and one page of HTML that needs no other file. It has no date and
no paths but those of the command line: the same files and pictures give the same report.
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
from edge_edet.converters.inspect.result import Inspection, read_inspectable
from edge_edet.converters.inspect.same_network import check_same_input, check_same_weights
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
    """Compare an INT8 model with its float model, and write report.json and index.html.

    Parameters
    ----------
    int8_path, float_path
        The two models, of one format and of the same weights.
    pictures
        Pictures on which detections are compared.
    dataset_result
        AP of [float, INT8], as `edge-edet eval --json` prints it; None without labels.
    output
        Folder of the two files.
    compared
        Those of the pictures on which tensors are compared; by default the first 8.
    command
        Command line, for the record.
    threads
        CPU threads of the runtime.
    picture_range
        How grey pictures of more than 8 bits are read.
    notes
        Sentence -> number of pictures that it is about, for the record.
    outputs
        Files that the command reads and writes; None for no others.

    Returns
    -------
    dict
        The record, as in report.json.

    Raises
    ------
    InputError
        Where the files are not of the same network, where there are no pictures, and where `output` has
        files of these names that edge-edet did not write.
    """
    integer, exact = read_inspectable(int8_path), read_inspectable(float_path)
    check_same_input(integer, exact)
    check_same_weights(integer, exact)
    inner = list(compared or pictures[:8])
    if not inner:
        raise InputError(
            "a parity report needs pictures, and none were given: name a folder of some"
        )
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
    """Claim the two files of a report.

    Parameters
    ----------
    outputs
        Of the command.
    folder
        Where the report is to be written.

    Raises
    ------
    InputError
        Where the files may not be written.
    """
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
    """Return what is integer in an OpenVINO model, and what ran; without times, which always differ."""
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
