"""The committed table of counts: what a change costs ARM cores is seen without a board.

    python -m edge_edet.benchmarks.counting.table                      # all models, on both cores
    python -m edge_edet.benchmarks.counting.table d0-int8 lite0-int8   # these anew, the others as they are

It converts the models with random weights, counts an inference of each, and writes counts.csv. A count that
changes by more than SLACK needs a reason in the commit that changes the table.
"""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_edet.cli import main as edge_edet
from edge_edet.devices.counting import KINDS, CountedRun, run_counted
from edge_edet.errors import BackendError, EdgeEdetError
from edge_edet.files import scratch_folder

__all__ = ["CORES", "MODELS", "SLACK", "count_table", "read_table"]

PATH = Path(__file__).with_name("counts.csv")
HEAD = """\
# Instructions of one inference by kind, in thousands, and kB loaded and stored; one thread.
# Random weights (seed 0), ai-edge-litert 2.1.6 for aarch64 under QEMU's user emulation.
# Made by python -m edge_edet.benchmarks.counting.table
"""
COLUMNS = ("model", "core", "instructions", *KINDS, "loaded", "stored")
NETWORKS = (
    "d0",
    "lite0",
    "d1",
    "lite1",
    "lite2",
)  # the last two for benchmarks/estimate/from_counts.py
MODELS = tuple(f"{name}-{kind}" for name in NETWORKS for kind in ("int8", "fp32"))
CORES = ("cortex-a72", "cortex-a76")
SLACK = 0.01
TIME_LIMIT_S = 7200.0
Row = dict[str, str]


def read_table() -> list[Row]:
    """Read counts.csv.

    Returns
    -------
    list of dict
        A row for each model and core, with the keys of COLUMNS; numbers are in thousands.
    """
    lines = [line for line in PATH.read_text().splitlines(True) if not line.startswith("#")]
    return list(csv.DictReader(lines))


def count_table(models: Sequence[str], root: Path) -> Iterator[Row]:
    """Convert the models with random weights and count them.

    Parameters
    ----------
    models
        Names such as d0-int8, of MODELS.
    root
        The folder that `prepare` fills.

    Yields
    ------
    dict
        A row for each core and model.

    Raises
    ------
    BackendError
        When a model cannot be converted or counted.
    """
    with scratch_folder() as folder:
        for variant in dict.fromkeys(name.partition("-")[0] for name in models):
            kinds = [f"--{n.partition('-')[2]}" for n in models if n.partition("-")[0] == variant]
            command = ["convert", variant, *kinds, "--to", "tflite", "--weights", "random"]
            with contextlib.redirect_stdout(sys.stderr):
                if edge_edet([*command, "--no-parity-report", "-o", str(folder)]):
                    raise BackendError(f"{variant} could not be converted")
        paths = [folder / f"{name}.tflite" for name in models]
        for core in CORES:
            options = {"inferences": 1, "root": root, "timeout_s": TIME_LIMIT_S}
            runs = run_counted(paths, core, **options)  # type: ignore[arg-type]
            for name, run in zip(models, runs, strict=True):
                if not isinstance(run, CountedRun):
                    raise run
                last = run.inferences[-1]
                numbers = (last.instructions, *last.kinds, last.loaded, last.stored)
                texts = (name, core, *(str(round(number / 1000)) for number in numbers))
                yield dict(zip(COLUMNS, texts, strict=True))


def main(argv: Sequence[str] | None = None) -> int:
    """Count models anew and write the table.

    Parameters
    ----------
    argv
        Names of MODELS, all of them where it is empty; None: those of the command line.

    Returns
    -------
    int
        The exit status.
    """
    names = list(sys.argv[1:] if argv is None else argv) or list(MODELS)
    if unknown := [name for name in names if name not in MODELS]:
        print(f"error: unknown {unknown[0]!r}: known are {', '.join(MODELS)}", file=sys.stderr)
        return 2
    try:
        new = list(count_table(names, Path("build/aarch64-root")))
    except EdgeEdetError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    kept = [row for row in read_table() if row["model"] not in names] if PATH.exists() else []
    rows = sorted(kept + new, key=lambda row: (MODELS.index(row["model"]), row["core"]))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    PATH.write_text(HEAD + text.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
