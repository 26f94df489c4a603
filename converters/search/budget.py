"""The story of `--max-drop`: integers first, then the parts that cost the most accuracy in float.

1. Every integer recipe is written, timed and scored.
2. Where none stays within the budget, each part of the network is put into float on its own, on top of the
   best recipe: how much nearer do the outputs come, for how many milliseconds?
3. Parts are added in the order of that quotient until the budget holds or nothing is gained over float.

The fastest candidate within the budget is the answer; none: an error, and no file.
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
UNSURE_POINTS = 0.3  # AP moves by so much when anything is touched: docs/decisions/0002


@dataclass(frozen=True)
class SearchRequest:
    """What to search for, in the format of the builder."""

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
    """The answer: the candidate to write, and what was measured of every one."""

    candidate: Candidate
    chosen: Measured
    rows: tuple[Measured, ...]
    labelled: bool
    float_ap: float
    float_ms: float
    float_precision: str  # that it is timed in


def search(request: SearchRequest, report: Callable[[str], None]) -> SearchResult:
    """Measure candidates until one stays within the budget.

    Parameters
    ----------
    request
        What to search for.
    report
        Called with a line of text for each thing that is tried.

    Raises
    ------
    EdgeEdetError
        Where no candidate stays within the budget and is faster than float.
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
    """What stays the same during one search: the float twin, the evaluator, the log."""

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
            else ("no labels: agreement with the float model's detections (score from 0.3) instead")
        )
        yield from self.evaluator.notes
        yield f"searching within {self.request.max_drop:g} points on {len(self.pictures)} pictures, {against}"
        for text, number in self.evaluator.dataset.notes.items():
            yield f"note: {number} {text}"
        if self.log.resumed:
            yield f"going on from {self.log.path}: {self.log.resumed} results are known"
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
        """Writes, times and scores a candidate, or takes it from the log."""
        self.candidates[candidate.name] = candidate
        described = candidate.to_dict(self.request.builder.graph)
        what = json.dumps(described, sort_keys=True)
        if (known := self.log.get(what)) is not None:
            return Measured(**known)
        path, made = self.written(candidate, "candidate")
        # beside the float model, so that a busy machine slows both
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
        """Appends mixed candidates to rows, the most useful part first, until one is within."""
        base = self.base(rows)
        yield f"no integer model is within the budget: which parts of {base.name} cost the most?"
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
        """What floats are put into: of those that AP cannot tell from the best, the one whose outputs
        are nearest to float."""
        mixable = [row for row in rows if self.candidates[row.name].can_mix]
        least = min(row.drop for row in mixable)
        close = [row for row in mixable if row.drop <= least + UNSURE_POINTS]
        return self.candidates[min(close, key=self.error).name]

    def error(self, row: Measured) -> float:
        """The output error of a candidate, known or measured now."""
        what = f"output error of {json.dumps(row.candidate, sort_keys=True)}"
        if self.log.get(what) is None:
            path, _ = self.written(self.candidates[row.name], "candidate")
            self.log.put(what, output_error(path, self.float_outputs))
        return float(self.log.get(what))

    def rank(self, base: Candidate) -> list[tuple[str, float, float]]:
        """(part, error saved, milliseconds) of each part in float alone, best quotient first."""
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
