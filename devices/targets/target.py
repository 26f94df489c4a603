"""What one consumer of a model needs, read strictly from a TOML file.

The keys, all required but `convert`:

format        1
name          as people call the consumer
loads         what reads the file there: the program or library, and its version
summary       one sentence for the list
[convert]     how a file for it is made, see Making; missing where none can be made
[[rule]]      what it needs, see Rule; each with its evidence, see Evidence
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from edge_edet.devices.boards import read_toml
from edge_edet.devices.targets.needs import NEEDS
from edge_edet.errors import InputError
from edge_edet.files import from_json

__all__ = ["KNOWN", "Beside", "Evidence", "Making", "Rule", "Target", "read_target"]

FORMAT = 1
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
Known = Literal["run", "emulated", "documented", "reported"]
KNOWN: tuple[str, ...] = get_args(Known)  # how a rule is known, the surest first


@dataclass(frozen=True)
class Evidence:
    """How a rule is known.

    Attributes
    ----------
    known
        "run": a test here runs the consumer's own code. "emulated": a test here does what the consumer is
        described to do, or runs it on an emulated processor. "documented": its makers say so. "reported":
        its users do.
    source
        An https address, or the path of the test in this repository.
    version
        Of what was run, or of what the source speaks about.
    date
        When it was run or read, or of the report: YYYY-MM-DD.
    """

    known: Known
    source: str
    version: str
    date: str

    def __post_init__(self) -> None:
        if not self.version.strip():
            raise ValueError("'version' must not be empty")
        if not DATE.fullmatch(self.date):
            raise ValueError(f"'date' must be YYYY-MM-DD, but is {self.date!r}")
        test = self.source.startswith("tests/")
        if not test and not self.source.startswith("https://"):
            raise ValueError(
                f"'source' must be an https address or a path in tests/, but is {self.source!r}"
            )
        if self.known in ("run", "emulated") and not test:
            raise ValueError(f"'source' of what is {self.known} must be a path in tests/")


@dataclass(frozen=True)
class Rule:
    """One thing that a consumer needs.

    Attributes
    ----------
    what
        The rule in one sentence.
    need, value
        What is looked at in the file, a name of `NEEDS`, and what it must be.
    otherwise
        What follows where it is not so: the file is "refused", runs "partly" as intended, or nothing
        ("note").
    cure
        The command that makes a file that keeps the rule, empty where there is none; {model} stands for what
        to convert, with its weights and size, {file} for the file.
    """

    what: str
    need: str
    value: Any
    otherwise: Literal["refused", "partly", "note"]
    evidence: tuple[Evidence, ...]
    cure: str = field(default="", metadata={"optional": True})

    def __post_init__(self) -> None:
        if not self.evidence:
            raise ValueError("'evidence' must name at least one source")
        if self.need not in NEEDS:
            raise ValueError(f"'need' must be one of {', '.join(NEEDS)}, but is {self.need!r}")
        if not NEEDS[self.need].takes(self.value):
            must = NEEDS[self.need].value
            raise ValueError(f"'value' of {self.need} must be {must}, but is {self.value!r}")

    @property
    def known(self) -> str:
        """The surest way in which the rule is known."""
        return min((one.known for one in self.evidence), key=KNOWN.index)


@dataclass(frozen=True)
class Beside:
    """A text file that a consumer wants with the model.

    Attributes
    ----------
    name
        What stands behind the model's name without suffix.
    text
        {model}, {stem}, {width}, {height}, {pad} ("r,g,b"), {labels} (a JSON list) and {labelmap}, one
        "index name" a line, are filled in.
    """

    name: str
    text: str


@dataclass(frozen=True)
class Making:
    """How a file for a consumer is made; of several choices the first is taken where none is asked for.

    Attributes
    ----------
    formats, nms, input, precisions
        What `edge-edet convert` is to write: values of its options.
    because
        Why, in a few words.
    recipe
        How INT8 is chosen where none is asked for; empty: as usual.
    beside
        Files that go with the model.
    """

    formats: tuple[str, ...]
    nms: tuple[str, ...]
    input: tuple[str, ...]
    precisions: tuple[str, ...]
    because: str
    recipe: str = field(default="", metadata={"optional": True})
    beside: tuple[Beside, ...] = field(default=(), metadata={"optional": True})

    def __post_init__(self) -> None:
        for key in ("formats", "nms", "input", "precisions", "because"):
            if not getattr(self, key):
                raise ValueError(f"{key!r} must not be empty")


@dataclass(frozen=True)
class Target:
    """A consumer; the fields are the keys of its file, and `id` is the file's name without suffix.

    Attributes
    ----------
    id
        The name of its file without suffix, such as frigate-cpu.
    name
        The full name.
    loads
        What reads the file there: the program or library, and its version.
    summary
        What it is, in a sentence.
    rule
        Its needs, each with its evidence.
    convert
        What `convert --for` makes for it; None: nothing.
    """

    id: str
    name: str
    loads: str
    summary: str
    rule: tuple[Rule, ...]
    convert: Making | None = field(default=None, metadata={"optional": True})

    def __post_init__(self) -> None:
        for key in ("name", "loads", "summary"):
            if not getattr(self, key).strip():
                raise ValueError(f"{key!r} must not be empty")
        if not self.rule:
            raise ValueError("'rule' must have at least one rule")

    @property
    def known(self) -> tuple[str, ...]:
        """In which ways its rules are known, the surest first."""
        found = {one.known for rule in self.rule for one in rule.evidence}
        return tuple(known for known in KNOWN if known in found)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
        document = dataclasses.asdict(self)
        return {**document, "rules": document.pop("rule")}


def read_target(path: Path) -> Target:
    """Read and check a target's file.

    Parameters
    ----------
    path
        The TOML file.

    Returns
    -------
    Target
        The target.

    Raises
    ------
    InputError
        For a wrong file name, unknown or missing keys, wrong values, and a rule without evidence.
    """
    if not ID.fullmatch(path.stem):
        raise InputError(
            f"{path}: the name of a target's file is its id, in lower-case letters, digits and "
            "hyphens, such as my-program.toml"
        )
    tables = read_toml(path)
    if (version := tables.pop("format", None)) != FORMAT:
        raise InputError(
            f"{path}: 'format' must be {FORMAT}, the only known one, but is {version!r}"
        )
    return from_json(Target, tables, str(path), id=path.stem)
