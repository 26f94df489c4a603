"""Whether the written model detects anything, and how INT8 compares with its float model."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.converters.inspect import look_for_objects, pictures_and_accuracy
from edge_edet.converters.inspect.parity import write_parity_report
from edge_edet.converters.pipeline.build import Network
from edge_edet.converters.pipeline.plan import FileJob, Plan
from edge_edet.converters.pipeline.result import ParityReport
from edge_edet.converters.pipeline.write import float_artifact, writer_of
from edge_edet.files import scratch_folder
from edge_edet.output_files import Outputs
from edge_edet.pictures import PictureLog, PictureRange

__all__ = ["Checked", "compare_with_float", "try_on_labelled"]


@dataclass(frozen=True)
class Checked:
    """What was found about a model: its parity report, if one was written, and what to report."""

    parity: ParityReport | None = None
    notes: tuple[str, ...] = ()


def try_on_labelled(planned: Plan, path: Path, picture_range: PictureRange) -> Checked:
    """Run a model on a dozen labelled pictures: wrong anchors or classes leave it finding nothing."""
    request = planned.request
    assert planned.check_data is not None
    notes = look_for_objects(
        path, planned.check_data, request.split, request.threads, picture_range
    )
    return Checked(notes=tuple(notes))


def compare_with_float(
    planned: Plan,
    job: FileJob,
    network: Network,
    picture_range: PictureRange,
    outputs: Outputs,
) -> Checked:
    """Write the parity report beside an INT8 model, on the pictures of --data, else the calibration's.

    Raises
    ------
    InputError
        Where another file stands where the parity report should.
    """
    request = planned.request
    if request.data is None and not planned.pictures:
        return Checked(notes=(_later(planned, job),))
    assert job.parity_report is not None
    with scratch_folder() as folder:
        float_model = folder / f"float{job.path.suffix}"
        writer = writer_of(planned, network, "fp32", None)
        for suffix, content in float_artifact(writer, network, job.format).files.items():
            float_model.with_suffix(suffix).write_bytes(content)
        compared = _Compared(planned.pictures, None, planned.picture_notes, ())
        if request.data is not None:
            compared = _measure(planned, job.path, float_model, picture_range)
        record = write_parity_report(
            job.path,
            float_model,
            compared.pictures,
            compared.accuracy,
            output=job.parity_report,
            threads=request.threads,
            command=shlex.join(request.command),
            picture_range=picture_range,
            notes=compared.picture_notes,
            outputs=outputs,
        )
    page = job.parity_report / "index.html"
    parity = ParityReport(page, record["verdict"], record["because"])
    causes = [f for f in record["findings"] if f["severity"] == "cause"]
    first = "".join(f"; cause: {f['place']}: {f['text']}; do: {f['advice']}" for f in causes[:1])
    note = f"parity report: {page}: {parity.verdict}: {parity.because}{first}"
    return Checked(parity, (*compared.notes, note))


@dataclass(frozen=True)
class _Compared:
    """The pictures to compare on, and both models' AP where they have labels."""

    pictures: Sequence[Path]
    accuracy: dict[str, Any] | None
    picture_notes: Mapping[str, int]
    notes: tuple[str, ...]


def _measure(
    planned: Plan, path: Path, float_model: Path, picture_range: PictureRange
) -> _Compared:
    request, log = planned.request, PictureLog()
    assert request.data is not None
    pictures, accuracy = pictures_and_accuracy(
        path,
        float_model,
        request.data,
        request.split,
        request.threads,
        picture_range=picture_range,
        strict=request.strict,
        log=log,
    )
    return _Compared(pictures, accuracy, log.notes(), tuple(log.lines()))


def _later(planned: Plan, job: FileJob) -> str:
    """How to get a parity report later: one sentence for all files, with the names of the first."""
    path = next(one.path for one in planned.jobs(job.variant) if one.precision == "int8")
    float_model = Path(f"FLOAT{path.suffix}")
    if "fp32" in planned.request.precisions:
        float_model = path.with_name(path.name.replace("-int8", "-fp32"))
    pair = shlex.join([str(path), "--against", str(float_model)])
    return (
        "no pictures were given, so no parity report: give --data DIR, or later: "
        f"edge-edet compare-float {pair} --data DIR"
    )
