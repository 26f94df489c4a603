"""Quantize within a budget: the fastest INT8 model that loses at most --max-drop AP points."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from edge_edet.converters.calibrate import Calibration, make_corrections
from edge_edet.converters.pipeline.build import Network
from edge_edet.converters.pipeline.plan import FileJob, Plan
from edge_edet.converters.pipeline.result import Listener, SearchStep
from edge_edet.converters.quantize import CorrectionRecord
from edge_edet.converters.search import (
    IrBuilder,
    ModelBuilder,
    SearchRequest,
    SearchResult,
    TfliteBuilder,
    search,
)
from edge_edet.converters.write import ModelArtifact, ModelWriter
from edge_edet.errors import InputError
from edge_edet.output_files import PARETO, SEARCH_LOG, Outputs
from edge_edet.pictures import PictureRange

__all__ = ["check_budget", "within_budget"]


def check_budget(planned: Plan, network: Network) -> None:
    """Raise InputError where there is no accuracy to lose, or nothing to measure it on."""
    if network.source.random:
        raise InputError("--max-drop needs trained weights: random ones have no accuracy to lose")
    if planned.request.data is None:
        raise InputError("--max-drop needs pictures to measure on: --data DIR, labelled or not")


def within_budget(
    planned: Plan,
    job: FileJob,
    writer: ModelWriter,
    network: Network,
    calibration: Calibration,
    picture_range: PictureRange,
    outputs: Outputs,
    report: Listener,
) -> ModelArtifact:
    """Search, report each step, write the table of all candidates beside the model.

    Returns
    -------
    ModelArtifact
        The files of the model that was chosen, not written yet.

    Raises
    ------
    EdgeEdetError
        Where no candidate stays within the budget.
    """
    check_budget(planned, network)
    request = planned.request
    assert request.data is not None
    assert request.max_drop is not None
    assert job.search_log is not None
    assert job.pareto is not None
    corrections = calibration.corrections or make_corrections(
        network.graph,
        calibration.record,
        calibration.pictures,
        request.threads,
        layers=job.format == "tflite",
        swishes=job.format == "openvino",
    )
    builder = _builder(job, writer, network, calibration, corrections)
    outputs.claim(job.search_log, SEARCH_LOG)
    found = search(
        SearchRequest(
            builder=builder,
            data=request.data,
            split=request.split,
            max_drop=request.max_drop,
            threads=request.threads,
            log=job.search_log,
            picture_range=picture_range,
            strict=request.strict,
            identity={
                "weights": network.source.digest,
                "calibration": calibration.record.digest,
                "corrections": corrections.digest,
                "variant": json.loads(json.dumps(dataclasses.asdict(network.source.variant))),
            },
        ),
        lambda line: report(SearchStep(line)),
    )
    report(
        SearchStep(
            f"chosen: {found.chosen.name}, drop {found.chosen.drop:.2f} of {request.max_drop:g} "
            f"points, {found.float_ms / found.chosen.ms:.2f}x faster than float"
        )
    )
    budget = {
        "max_drop": request.max_drop,
        "measured_drop": found.chosen.drop,
        "against": "labels" if found.labelled else "the float model's detections",
        "float_ap": found.float_ap,
        "ap": found.chosen.ap,
    }
    artifact = builder.make(found.candidate, found.chosen.candidate | budget)
    outputs.write(job.pareto, _table(found, budget), PARETO)
    return artifact


def _table(found: SearchResult, budget: Mapping[str, Any]) -> bytes:
    rows = [vars(row) for row in sorted(found.rows, key=lambda row: row.ms)]
    document = {
        **budget,
        "float_ms": found.float_ms,
        "float_precision": found.float_precision,
        "chosen": found.chosen.name,
        "candidates": rows,
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def _builder(
    job: FileJob,
    writer: ModelWriter,
    network: Network,
    calibration: Calibration,
    corrections: CorrectionRecord,
) -> ModelBuilder:
    if job.format == "tflite":
        return TfliteBuilder(writer, network.graph, calibration.record, corrections)
    pictures = calibration.pictures
    return IrBuilder(writer, network.graph, calibration.record, corrections, pictures)
