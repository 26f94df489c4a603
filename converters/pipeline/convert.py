"""The story of a conversion: plan, build, calibrate, quantize, write, check."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from edge_edet.converters.pipeline.build import Network, build, find_source
from edge_edet.converters.pipeline.plan import FileJob, Plan, claim, inputs_of, plan
from edge_edet.converters.pipeline.request import Request
from edge_edet.converters.pipeline.result import (
    Conversion,
    ConvertedFile,
    Event,
    FileWritten,
    Listener,
    Note,
)
from edge_edet.converters.pipeline.target import write_beside
from edge_edet.converters.pipeline.write import float_artifact, integer_artifact, write, writer_of
from edge_edet.converters.write import ModelArtifact
from edge_edet.errors import InputError
from edge_edet.output_files import Outputs

if TYPE_CHECKING:
    from edge_edet.converters.pipeline.calibrate import Calibrated

__all__ = ["run"]


def run(request: Request, listen: Listener | None = None) -> Conversion:
    """Write each variant in each precision and format.

    Parameters
    ----------
    request
        What to convert, into what.
    listen
        Called with each event as it happens.

    Returns
    -------
    Conversion
        Files and notes.

    Raises
    ------
    EdgeEdetError
        An InputError, before any work, where a file is there that `convert` did not write or that is an
        input; and what each step raises.
    """
    reported = _Reported(listen)
    with Outputs(inputs_of(request), overwrite=request.overwrite) as outputs:
        planned = plan(request, outputs)
        reported.notes(planned.notes)
        files: list[ConvertedFile] = []
        given_as: dict[str, str] = {}  # variant -> what it was given as
        for given in request.variants:
            files += _convert(planned, given, given_as, outputs, reported)
    return Conversion(tuple(files), tuple(reported.seen))


def _convert(
    planned: Plan, given: str, given_as: dict[str, str], outputs: Outputs, reported: _Reported
) -> Iterator[ConvertedFile]:
    """All files of one variant."""
    started = time.monotonic()
    source = find_source(planned, given)
    name = source.variant.name
    if name in given_as:
        raise InputError(
            f"{given!r} is a {name} as {given_as[name]!r} is, and would be written to the same files: "
            "convert one at a time, each with an -o of its own"
        )
    given_as[name] = given
    claim(planned, name, outputs)
    network = build(planned, given, source)
    reported.notes(network.notes)
    calibrated = None
    for job in planned.jobs(name):
        if job.precision == "int8" and calibrated is None:
            from edge_edet.converters.pipeline.calibrate import calibrate

            calibrated = calibrate(planned, network)
            reported.notes(calibrated.notes)
        artifact = _artifact(planned, job, network, calibrated, outputs, reported)
        written = write(job, artifact, source, time.monotonic() - started, outputs)
        reported.notes(written.notes)
        reported(FileWritten(written.file))
        if planned.request.target is not None:
            variant, labels = source.variant, network.labels
            reported.notes(write_beside(planned.request.target, job.path, variant, labels, outputs))
        yield _check(planned, job, network, calibrated, written.file, outputs, reported)
        started = time.monotonic()


def _artifact(
    planned: Plan,
    job: FileJob,
    network: Network,
    calibrated: Calibrated | None,
    outputs: Outputs,
    reported: _Reported,
) -> ModelArtifact:
    """Return the files of one model, in memory."""
    if job.precision != "int8":
        return float_artifact(writer_of(planned, network, job.precision, None), network, job.format)
    assert calibrated is not None
    calibration = calibrated.calibration
    writer = writer_of(planned, network, job.precision, calibration.record)
    if planned.request.max_drop is not None:
        from edge_edet.converters.pipeline.budget import within_budget

        picture_range = calibrated.picture_range
        return within_budget(
            planned, job, writer, network, calibration, picture_range, outputs, reported
        )
    from edge_edet.converters.pipeline.quantize import quantize_for

    integers = quantize_for(planned, network.graph, calibration, job.format)
    return integer_artifact(writer, integers)


def _check(
    planned: Plan,
    job: FileJob,
    network: Network,
    calibrated: Calibrated | None,
    file: ConvertedFile,
    outputs: Outputs,
    reported: _Reported,
) -> ConvertedFile:
    """Return the file with what was found about it."""
    if network.source.random:
        return file
    picture_range = (calibrated or planned.request).picture_range
    if planned.check_data is not None:
        from edge_edet.converters.pipeline.check import try_on_labelled

        reported.notes(try_on_labelled(planned, job.path, picture_range).notes)
    if job.precision != "int8" or not planned.request.parity_report:
        return file
    from edge_edet.converters.pipeline.check import compare_with_float

    checked = compare_with_float(planned, job, network, picture_range, outputs)
    reported.notes(checked.notes)
    return dataclasses.replace(file, parity=checked.parity)


class _Reported:
    """Passes events on to the listener, each note once."""

    def __init__(self, listen: Listener | None):
        self.listen = listen
        self.seen: dict[str, None] = {}

    def __call__(self, event: Event) -> None:
        if self.listen is not None:
            self.listen(event)

    def notes(self, texts: Iterable[str]) -> None:
        for text in texts:
            if text not in self.seen:
                self.seen[text] = None
                self(Note(text))
