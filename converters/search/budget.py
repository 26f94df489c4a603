"""Search for `--max-drop`: all-integer models first, then the most sensitive parts kept in float.

1. Write, time and score a model for every integer recipe.
2. If none stays within the budget, keep each part of the network in float on its own, on top of the best
   recipe, and measure how far the output error falls and how many milliseconds that costs.
3. Add parts in the order of that quotient until the model is within the budget, or is no faster than the
   float model.

The result is the fastest candidate within the budget. If there is none, the search raises an error and no
file is written.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet import __version__
from edge_edet.converters.search.builders import ModelBuilder
from edge_edet.converters.search.candidates import Candidate, parts
from edge_edet.converters.search.log import Measured, SearchLog, table
from edge_edet.converters.search.score import (
    Evaluator,
    FloatOutputs,
    float_outputs,
    float_precision,
    make_evaluator,
    output_error,
)
from edge_edet.converters.write import ModelArtifact
from edge_edet.errors import EdgeEdetError
from edge_edet.files import scratch_folder
from edge_edet.formats import read_model, sha256_of
from edge_edet.formats.tflite import TfliteModel
from edge_edet.pictures import PictureRange, range_text
from edge_edet.terminal import track

SENSITIVITY_PICTURES = 6
MAX_FLOAT_STEPS = 12
UNSURE_POINTS = 0.3  # any small change moves AP by this much: docs/decisions/0002


@dataclass(frozen=True)
class SearchRequest:
    """What to search for, in the format of the builder.

    Attributes
    ----------
    builder
        Makes the candidates' model files.
    data
        Labelled pictures (COCO, VOC, YOLO), or a folder of pictures without labels.
    split
        Split of `data`; None for the default one.
    max_drop
        Points of AP that the model may lose against the float model; 1 point is 0.01 AP.
    threads
        Threads used to measure AP. Latency is always measured on one thread.
    log
        JSON Lines file that keeps the results, so that a later call can resume.
    identity
        JSON values that identify the search. A log entry is used again only where they are equal.
    picture_range
        How pictures of more than 8 bits are read, as `edge_edet.load` takes it.
    strict
        Raise for a bad picture of a folder instead of leaving it out.
    """

    builder: ModelBuilder
    data: Path
    split: str | None
    max_drop: float
    threads: int
    log: Path
    identity: Mapping[str, Any]
    picture_range: PictureRange = None
    strict: bool = False


@dataclass(frozen=True)
class SearchResult:
    """The candidate to write, and the measurements of all candidates.

    Attributes
    ----------
    candidate
        The fastest candidate within the budget.
    chosen
        Its measurements.
    rows
        The measurements of every candidate, in the order tried.
    labelled
        Whether AP was measured on labels rather than on the float model's detections.
    float_ap
        AP of the float model, 0 to 1.
    float_ms
        Median time of one inference of the float model, in milliseconds.
    float_precision
        Precision in which the float model was timed, such as "f32" or "bf16".
    """

    candidate: Candidate
    chosen: Measured
    rows: tuple[Measured, ...]
    labelled: bool
    float_ap: float
    float_ms: float
    float_precision: str


def search(request: SearchRequest, report: Callable[[str], None]) -> SearchResult:
    """Measure candidates until one stays within the budget.

    Parameters
    ----------
    request
        What to search for.
    report
        Called with each line of text of the progress report.

    Returns
    -------
    SearchResult
        The fastest candidate within the budget, and the measurements of all.

    Raises
    ------
    EdgeEdetError
        If no candidate is both within the budget and, where parts of it are in float, faster than the
        float model.
    InputError
        If there are no labels and the float model detects nothing in the pictures.
    MissingExtraError
        If the packages that measure AP are not installed.
    """
    with scratch_folder() as folder:
        run = _Run(request, folder)
        for text in run.introduction():
            report(text)
        rows = []
        for candidate in request.builder.candidates():
            row = run.measure(candidate)
            rows.append(row)
            report(run.line(row))
        within = [row for row in rows if row.drop <= request.max_drop]
        if not within:
            for text in run.add_float_parts(rows):
                report(text)
            within = [row for row in rows if row.drop <= request.max_drop and row.ms < run.float_ms]
        chosen = min(within, key=lambda row: row.ms) if within else None
        for text in table(rows, chosen.name if chosen else None):
            report(text)
        if chosen is None:
            best = min(rows, key=lambda row: row.drop)
            raise EdgeEdetError(
                f"no INT8 model of {request.builder.graph.variant.name} stays within "
                f"{request.max_drop:g} points and is faster than float ({run.float_ms:.1f} ms): the "
                f"best, {best.name}, loses {best.drop:.2f}; allow more with --max-drop, or give more "
                "calibration pictures"
            )
        return SearchResult(
            run.candidates[chosen.name],
            chosen,
            tuple(rows),
            run.evaluator.labelled,
            run.float_ap,
            run.float_ms,
            run.float_precision,
        )


class _Run:
    """The state of one search: the float model, the evaluator and the log."""

    def __init__(self, request: SearchRequest, folder: Path):
        self.request, self.folder = request, folder
        self.float_model, _ = self.written(None, "float")
        self.evaluator: Evaluator = make_evaluator(
            request.data,
            request.split,
            self.float_model,
            request.threads,
            request.picture_range,
            request.strict,
        )
        self.pictures = [picture.path for picture in self.evaluator.dataset.pictures]
        described = {
            **request.identity,
            "data": self.evaluator.dataset.digest(),
            "float": sha256_of(self.float_model),
            "version": __version__,
            **(
                {"range": range_text(request.picture_range)}
                if request.picture_range is not None
                else {}
            ),
        }
        text = json.dumps(described, sort_keys=True)
        self.log = SearchLog(request.log, hashlib.sha256(text.encode()).hexdigest()[:16])
        self.candidates: dict[str, Candidate] = {}
        stored = self.log.get("float")
        if stored is None:
            [ms] = self.evaluator.milliseconds([self.float_model])
            stored = [self.evaluator.ap(self.float_model), ms]
            self.log.put("float", stored)
        self.float_precision = float_precision(self.float_model)
        self.float_ap, self.float_ms = float(stored[0]), float(stored[1])

    def introduction(self) -> Iterator[str]:
        against = (
            "labels"
            if self.evaluator.labelled
            else "no labels: AP is against the float model's detections of score 0.3 or more"
        )
        yield from self.evaluator.notes
        yield f"searching within {self.request.max_drop:g} points on {len(self.pictures)} pictures, {against}"
        for text, number in self.evaluator.dataset.notes.items():
            yield f"note: {number} {text}"
        if self.log.resumed:
            yield f"resuming from {self.log.path}: it has {self.log.resumed} results"
        yield from self.request.builder.notes()
        precision = self.float_precision
        timed = "" if precision == "f32" else f" in {precision}, OpenVINO's default here"
        yield f"float: AP {self.float_ap:.4f}, {self.float_ms:.1f} ms{timed}"

    def written(self, candidate: Candidate | None, name: str) -> tuple[Path, ModelArtifact]:
        path = self.folder / f"{name}{self.request.builder.suffix}"
        made = self.request.builder.make(candidate)
        for suffix, data in made.files.items():
            path.with_suffix(suffix).write_bytes(data)
        return path, made

    def measure(self, candidate: Candidate) -> Measured:
        """Write, time and score a candidate, or take its result from the log."""
        self.candidates[candidate.name] = candidate
        described = candidate.to_dict(self.request.builder.graph)
        what = json.dumps(described, sort_keys=True)
        if (known := self.log.get(what)) is not None:
            return Measured(**known)
        path, made = self.written(candidate, "candidate")
        # in turns with the float model, so that a busy machine slows down both
        ms, beside = self.evaluator.milliseconds([path, self.float_model])
        ap = self.evaluator.ap(path)
        model = read_model(path)
        floats = made.float_convolutions or 0
        if isinstance(model, TfliteModel):
            floats = len(model.non_integer_operators)
        row = Measured(
            candidate.name,
            described,
            ap,
            100 * (self.float_ap - ap),
            ms / beside * self.float_ms,
            model.size_bytes,
            len(model.operator_names),
            floats,
        )
        self.log.put(what, dataclasses.asdict(row))
        return row

    def line(self, row: Measured) -> str:
        verdict = "within" if row.drop <= self.request.max_drop else "over"
        return f"{row.name}: AP {row.ap:.4f}, drop {row.drop:.2f} ({verdict}), {row.ms:.1f} ms"

    def add_float_parts(self, rows: list[Measured]) -> Iterator[str]:
        """Append candidates with float parts to `rows`, best part first, until one is within the budget."""
        base = self.base(rows)
        yield f"no integer model is within the budget: measuring which parts of {base.name} cost the most"
        ranked = self.rank(base)
        for part, gain, cost in ranked[:5]:
            yield f"  {part} in float: output error -{gain:.4f} for {cost:+.2f} ms"
        chosen: list[str] = []
        for part, _, _ in ranked[:MAX_FLOAT_STEPS]:
            chosen.append(part)
            row = self.measure(Candidate(base.recipe, tuple(chosen)))
            rows.append(row)
            yield self.line(row)
            if row.drop <= self.request.max_drop or row.ms >= self.float_ms:
                return

    def base(self, rows: Sequence[Measured]) -> Candidate:
        """Choose the candidate that float parts are added to.

        AP cannot separate candidates within `UNSURE_POINTS` of the best one. Of these, the output error
        decides.
        """
        mixable = [row for row in rows if self.candidates[row.name].can_mix]
        least = min(row.drop for row in mixable)
        close = [row for row in mixable if row.drop <= least + UNSURE_POINTS]
        return self.candidates[min(close, key=self.error).name]

    def error(self, row: Measured) -> float:
        """Return the output error of a candidate, from the log or measured now."""
        what = f"output error of {json.dumps(row.candidate, sort_keys=True)}"
        if self.log.get(what) is None:
            path, _ = self.written(self.candidates[row.name], "candidate")
            self.log.put(what, output_error(path, self.float_outputs))
        return float(self.log.get(what))

    def rank(self, base: Candidate) -> list[tuple[str, float, float]]:
        """Return (part, error saved, extra milliseconds) of each part in float alone, best quotient first."""
        plain, _ = self.written(base, "base")
        described = json.dumps(base.to_dict(self.request.builder.graph), sort_keys=True)
        error = output_error(plain, self.float_outputs)
        ranked = []
        for part in track(parts(self.request.builder.graph), "sensitivity", unit="parts"):
            what = f"sensitivity of {part} on {described}"
            known = self.log.get(what)
            if known is None:
                path, _ = self.written(Candidate(base.recipe, (part,)), "part")
                other = output_error(path, self.float_outputs)
                ms, beside = self.evaluator.milliseconds([path, plain])
                known = [error - other, ms - beside]
                self.log.put(what, known)
            ranked.append((part, float(known[0]), float(known[1])))
        useful = [row for row in ranked if row[1] > 0]
        return sorted(useful, key=lambda row: row[1] / max(row[2], 0.05), reverse=True)

    @functools.cached_property
    def float_outputs(self) -> list[FloatOutputs]:
        step = max(len(self.pictures) // SENSITIVITY_PICTURES, 1)
        chosen = self.pictures[::step][:SENSITIVITY_PICTURES]
        return float_outputs(self.float_model, chosen, self.request.picture_range)
