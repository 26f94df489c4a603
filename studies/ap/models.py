"""The model files of an AP sweep: converted once, by the same command that people use."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_edet.benchmarks.published import read_rows
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.files import Limit, read_input
from edge_edet.formats import FORMATS
from edge_edet.output_files import Kind, Outputs, json_with
from edge_edet.variants import VARIANTS

__all__ = ["PRECISIONS", "ApModels", "find_variants"]

# runtime -> the format that is converted for it: the one whose default runtime it is
_FORMATS = {form.runtimes[0]: form for form in FORMATS.values()}
PRECISIONS = FORMATS[".tflite"].precisions  # all that exist
BEGUN = "ap.json"
_BEGUN = Kind("the beginning of a sweep", json_with(("weights", "calibration")))

LIMIT = Limit(1 << 20, "it holds two names")


@dataclass(frozen=True)
class ApModels:
    """The models of one sweep.

    Attributes
    ----------
    folder
        Of the sweep; models are in models/ below it.
    weights, calibration
        As in `convert`; without a calibration, that of the weights is used.
    """

    folder: Path
    weights: str
    calibration: str | None
    threads: int

    def check_same(self) -> None:
        """Raise InputError where the folder was begun with other weights, as its files have those."""
        asked = {"weights": self.weights, "calibration": self.calibration}
        path = self.folder / BEGUN
        if path.is_file():
            try:
                begun = json.loads(read_input(path, repr(str(path)), LIMIT))
            except (ValueError, RecursionError):
                raise InputError(
                    f"{str(path)!r} is damaged: give another -o, or remove it"
                ) from None
            if begun != asked:
                raise InputError(
                    f"{str(self.folder)!r} was begun with {begun}, not with {asked}: give another -o"
                )
            return
        with Outputs() as outputs:
            outputs.write(path, json.dumps(asked).encode(), _BEGUN)

    def make(
        self, variants: Sequence[str], runtimes: Sequence[str], precisions: Sequence[str]
    ) -> Iterator[Path | EdgeEdetError]:
        """Yield each file, converted if it is missing, or the error of one that cannot be converted."""
        for variant in variants:
            for precision in precisions:
                wanted = {
                    self.folder / "models" / f"{variant}-{precision}{form.suffix}": form.name
                    for form in (_FORMATS[name] for name in runtimes)
                    if precision in form.precisions
                }
                missing = [target for path, target in wanted.items() if not _is_there(path)]
                if missing:
                    error = self._convert(variant, precision, missing)
                    if error is not None:
                        yield error
                yield from (path for path in wanted if _is_there(path))

    def _convert(
        self, variant: str, precision: str, targets: Sequence[str]
    ) -> EdgeEdetError | None:
        from edge_edet.cli import main

        command = [
            "convert",
            variant,
            f"--{precision}",
            "--to",
            ",".join(targets),
            "-o",
            str(self.folder / "models"),
            "--threads",
            str(self.threads),
        ]
        command += ["--weights", self.weights]
        if precision == "int8":
            command += ["--no-parity-report"]
            command += ["--calibration", self.calibration] if self.calibration else []
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for the table
            status = main(command)
        if status == 130:
            raise KeyboardInterrupt
        if status == 0:
            return None
        return EdgeEdetError(
            f"no {precision} of {variant}: 'edge-edet {' '.join(command)}' gave {status}"
        )


def find_variants(names: Sequence[str]) -> list[str]:
    """Return the names, or those of the paper and of the Lite family if there are none.

    Raises
    ------
    InputError
        A name is unknown.
    """
    for name in names:
        if name not in VARIANTS:
            raise InputError(f"--variants {name!r}: known are {', '.join(VARIANTS)}")
    return list(names) or [
        row["model"] for row in read_rows("efficientdet") if row["source"] == "v7"
    ] + [row["model"] for row in read_rows("lite")]


def _is_there(path: Path) -> bool:
    return path.is_file() and (path.suffix != ".xml" or path.with_suffix(".bin").is_file())
