"""What is to be measured: models, the configurations that they run in, and the jobs that follow."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_edet.backends import RunOptions, check_options
from edge_edet.benchmarks.measuring import (
    BUNDLED_PICTURE,
    Job,
    StopRule,
    load_options,
)
from edge_edet.benchmarks.rows import DeviceName, RequestedConfig, model_facts
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.formats import FORMATS, read_model
from edge_edet.pictures import pictures_digest, read_picture

__all__ = ["BUILD", "ConfigGrid", "Plan", "convert_d0", "find_models", "make_jobs", "parse_list"]

BUILD = Path("build")
PRECISIONS = ("fp32", "fp16", "int8-dynamic", "int8")  # float first: others are held against it
CONVERT = ("convert", "--int8", "d0", "-o", str(BUILD))
Note = Callable[[str], None]


@dataclass(frozen=True)
class ConfigGrid:
    """What is asked for, in all combinations; a single None leaves the choice to the runtime.

    Attributes
    ----------
    threads, runtimes, delegates, device_types
        Lists that are combined with each other.
    delegate_options
        KEY, VALUE pairs for the delegate.
    precision
        Of layers that are not integer.
    streams
        How many inferences run at the same time.
    """

    threads: tuple[int | None, ...] = (None,)
    runtimes: tuple[str | None, ...] = (None,)
    delegates: tuple[str | None, ...] = (None,)
    device_types: tuple[str | None, ...] = (None,)
    delegate_options: tuple[tuple[str, str], ...] = ()
    precision: str | None = None
    streams: int = 1

    def all(self) -> Iterator[RequestedConfig]:
        """Yield every combination.

        Yields
        ------
        RequestedConfig
            One configuration.
        """
        for runtime, delegate, kind, threads in itertools.product(
            self.runtimes, self.delegates, self.device_types, self.threads
        ):
            yield RequestedConfig(
                runtime,
                delegate,
                dict(self.delegate_options),
                kind,
                self.precision,
                threads,
                self.streams,
            )


@dataclass(frozen=True)
class Plan:
    """How each row is measured, whatever the model.

    Attributes
    ----------
    grid
        The configurations.
    rule
        When sampling ends.
    pictures
        Files to run on; none: the bundled picture.
    score_threshold
        Lowest score of a detection.
    sustain_s
        Seconds of a sustained run; None for samples by the rule.
    verify
        Refuse a model of ours that was changed after it was converted.
    input
        Options about input and labels, as in `Job`.
    count
        Count instructions on an emulated core; nothing is timed.
    per_operator
        Of each operator alone as well.
    time_limit_s
        Seconds after which counting a model is given up.
    """

    grid: ConfigGrid
    rule: StopRule
    pictures: tuple[Path, ...] = ()  # none: the bundled one
    score_threshold: float = 0.3
    sustain_s: float | None = None
    verify: bool = True
    input: Mapping[str, str] = field(default_factory=dict)
    count: bool = False
    per_operator: bool = False
    time_limit_s: float = 600.0

    def __post_init__(self) -> None:
        if self.per_operator and not self.count:
            raise InputError("--per-operator is for --count, which counts on an emulated core")
        if not 0 < self.time_limit_s < float("inf"):
            raise InputError(f"--time-limit must be above 0 s, but got {self.time_limit_s:g}")
        if self.count and (self.sustain_s is not None or self.pictures or self.input):
            raise InputError(
                "--count runs drawn inputs once: leave --sustain, --images and the options about input out"
            )
        if self.grid.streams < 1 or self.grid.streams > 256:
            raise InputError(f"--parallel must be from 1 to 256, but got {self.grid.streams}")
        if self.sustain_s is not None and self.grid.streams > 1:
            raise InputError(
                "--sustain runs one inference at a time: leave out --parallel or --sustain"
            )


def make_jobs(
    models: Sequence[Path], plan: Plan, device: DeviceName, *, named: bool, note: Note
) -> list[Job]:
    """Make a job for each model and configuration, float models first.

    Parameters
    ----------
    models
        Paths; one that is there twice counts once.
    plan
        How they are measured.
    device
        The machine, as rows name it.
    named
        Whether the user named the models: one that cannot be measured is an error then; otherwise it is
        left out, with a note.
    note
        Takes these notes.

    Returns
    -------
    list[Job]
        In the order in which they are measured.

    Raises
    ------
    InputError
        Where nothing is left, a picture cannot be read, or a named model cannot run like this.
    """
    pictures = plan.pictures or (BUNDLED_PICTURE,)
    for path in pictures:
        read_picture(path)  # refuse here what would fail in the middle
    digest = pictures_digest(pictures)
    jobs = []
    for model in dict.fromkeys(models):
        try:
            facts = model_facts(model)
            for asked in plan.grid.all():
                _check(model, asked)
                jobs.append(
                    Job(
                        str(model),
                        facts,
                        asked,
                        device,
                        plan.rule,
                        tuple(map(str, pictures)),
                        digest,
                        plan.score_threshold,
                        plan.sustain_s,
                        plan.verify,
                        dict(plan.input),
                    )
                )
        except EdgeEdetError as error:
            if named:
                raise
            note(f"left out: {error}")
    if not jobs:
        raise InputError(
            "none of the models under build/ can be measured like this: name the MODEL that you mean"
        )
    return sorted(jobs, key=lambda job: _order(job.facts.precision))


def _check(model: Path, asked: RequestedConfig) -> None:
    """Raise InputError for options that this format does not take."""
    options = load_options(str(model), asked)
    options.pop("threads")
    check_options(read_model(model), RunOptions(**options))


def _order(precision: str) -> int:
    return PRECISIONS.index(precision) if precision in PRECISIONS else len(PRECISIONS)


def find_models(folder: Path = BUILD) -> list[Path]:
    """Every model file under the folder, sorted; Python environments in it are passed over.

    Parameters
    ----------
    folder
        To look in, with its sub-folders.

    Returns
    -------
    list[Path]
        Paths of .tflite, .xml and .onnx files.
    """
    found = []
    for root, folders, names in os.walk(folder):
        if "pyvenv.cfg" in names:
            folders.clear()
            continue
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "site-packages")
        paths = (Path(root, name) for name in sorted(names))
        found += [path for path in paths if _is_model(path)]
    return found


def _is_model(path: Path) -> bool:
    if path.suffix == ".xml":  # other things are .xml too
        return path.with_suffix(".bin").is_file()
    return path.suffix in FORMATS


def convert_d0(note: Note, target: str | None = None) -> list[Path]:
    """Convert D0 to build/d0-int8.tflite, as the command line does.

    Parameters
    ----------
    note
        Takes what is done, for people.
    target
        What the file is for, as `--for` takes it.

    Returns
    -------
    list of Path
        The models under build/ afterwards.

    Raises
    ------
    InputError
        Where the conversion made none.
    """
    from edge_edet.cli import main

    command = CONVERT if target is None else (*CONVERT, "--for", target)
    suited = "" if target is None else f" for {target}"
    note(
        f"no models{suited} under {BUILD}/: converting D0 first, in about a minute, with "
        f"'edge-edet {' '.join(command)}'"
    )
    status = _quietly(lambda: main(command))
    models = find_models()
    if status or not models:
        raise InputError(
            f"there is no model to measure: 'edge-edet {' '.join(command)}' gave exit status {status}"
        )
    return models


def _quietly(call: Callable[[], int]) -> int:
    """Print what the conversion prints on stderr: stdout is for rows."""
    import contextlib
    import sys

    with contextlib.redirect_stdout(sys.stderr):
        return call()


def parse_list(text: str | None, what: str) -> tuple[str | None, ...]:
    """Split `1,2,4` into its parts, each once; None gives a single None.

    Parameters
    ----------
    text
        As given; None: not.
    what
        How messages name the option.

    Returns
    -------
    tuple[str | None, ...]
        The parts in their order.

    Raises
    ------
    InputError
        For an empty part.
    """
    if text is None:
        return (None,)
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise InputError(f"{what} must be a list like A,B, but got {text!r}")
    return tuple(dict.fromkeys(parts))


def parse_threads(text: str | None) -> tuple[int | None, ...]:
    """Split a list of thread counts, such as `1,2,4`.

    Parameters
    ----------
    text
        As given; None: not.

    Returns
    -------
    tuple[int | None, ...]
        The numbers in their order; (None,) for no text.

    Raises
    ------
    InputError
        For anything but integers from 1 to 1024.
    """
    counts: list[int | None] = []
    for part in parse_list(text, "--threads"):
        if part is not None and not (part.isascii() and part.isdigit() and 1 <= int(part) <= 1024):
            raise InputError(f"--threads must be counts like 1,2,4 up to 1024, but got {text!r}")
        counts.append(None if part is None else int(part))
    return tuple(counts)
