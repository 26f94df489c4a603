"""The profile of one board, read strictly from a TOML file.

The keys of a profile, all but `emulated_cpu` and `recognize` required:

format        1
name, cpu     as people call them
arch          platform.machine() there: aarch64, armv7l, x86_64; or any
cores         0 where it depends on the model
memory_mb     the sizes that it is sold with
threads       thread counts worth measuring, ascending
delegates     in order of preference: xnnpack, gpu, edgetpu, none or the path of a library
limits        sentences that go with every measurement
emulated_cpu  the core of QEMU that stands in for its own
source        the https address of a page that states the above
[recognize]   what identifies the board, see Recognition
"""

from __future__ import annotations

import dataclasses
import re
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from edge_edet.devices.emulation import CPUS
from edge_edet.errors import InputError, ModelFileError
from edge_edet.files import Limit, read_input
from edge_edet.formats import Fields

__all__ = ["DeviceProfile", "Recognition", "read_profile", "read_toml"]

FORMAT = 1
ARCHITECTURES = ("aarch64", "armv7l", "x86_64", "any")
DELEGATES = ("xnnpack", "gpu", "edgetpu", "none")
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LIMIT = Limit(64 * 1024, "a profile has some hundred bytes")
MAX_THREADS = 1024


@dataclass(frozen=True)
class Recognition:
    """What identifies a machine as this board; one match is enough."""

    compatible: tuple[str, ...] = ()  # whole entries of /proc/device-tree/compatible
    model: tuple[str, ...] = ()  # beginnings of /proc/device-tree/model
    cpuinfo: tuple[str, ...] = ()  # parts of "model name" or "Model" in /proc/cpuinfo
    dmi: tuple[str, ...] = ()  # beginnings of /sys/class/dmi/id/product_name
    usb: tuple[str, ...] = ()  # vendor:product of a plugged-in device
    properties: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of build.prop


@dataclass(frozen=True)
class DeviceProfile:
    """One board; the fields are the keys of its file, and `id` is the file's name without suffix."""

    id: str
    name: str
    cpu: str
    arch: str
    cores: int
    memory_mb: tuple[int, ...]
    threads: tuple[int, ...]
    delegates: tuple[str, ...]
    limits: tuple[str, ...]
    source: str
    emulated_cpu: str | None
    recognize: Recognition

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON."""
        return dataclasses.asdict(self)


def read_profile(path: Path) -> DeviceProfile:
    """Read and check a profile.

    Raises
    ------
    InputError
        For a wrong file name, unknown or missing keys and wrong values, naming the file and the key.
    """
    if not ID.fullmatch(path.stem):
        raise InputError(
            f"{path}: the name of a profile's file is the id of its board, in lower-case letters, "
            "digits and hyphens, such as my-board.toml"
        )
    fields = _Table(read_toml(path), str(path))
    fields.only(*(f.name for f in dataclasses.fields(DeviceProfile) if f.name != "id"), "format")
    try:
        return _profile(path.stem, fields)
    except ModelFileError as error:  # the error of Fields; this is no model file
        raise InputError(str(error)) from None


def _profile(name: str, fields: _Table) -> DeviceProfile:
    version = fields.integer("format")
    if version != FORMAT:
        fields.fail("format", f"be {FORMAT}, the only known one", version)
    threads = fields.integers("threads")
    if not threads or list(threads) != sorted(set(threads)) or not _in(threads, 1, MAX_THREADS):
        fields.fail("threads", f"be ascending integers from 1 to {MAX_THREADS}", list(threads))
    memory = fields.integers("memory_mb")
    if not _in(memory, 1, 2**24):
        fields.fail("memory_mb", "be sizes in MB, 1 or more", list(memory))
    delegates = fields.strings("delegates")
    for one in delegates:
        if one not in DELEGATES and not one.startswith("/"):
            known = ", ".join(DELEGATES)
            fields.fail("delegates", f"hold only {known} or paths of libraries", one)
    source = fields.string("source")
    if not source.startswith("https://"):
        fields.fail("source", "be an https address", source)
    emulated = None
    if "emulated_cpu" in fields.document:
        emulated = fields.choice("emulated_cpu", CPUS)
    return DeviceProfile(
        id=name,
        name=fields.string("name"),
        cpu=fields.string("cpu"),
        arch=fields.choice("arch", ARCHITECTURES),
        cores=fields.integer("cores", 0, MAX_THREADS),
        memory_mb=memory,
        threads=threads,
        delegates=delegates,
        limits=fields.strings("limits"),
        source=source,
        emulated_cpu=emulated,
        recognize=_recognition(fields),
    )


def _recognition(fields: _Table) -> Recognition:
    if "recognize" not in fields.document:
        return Recognition()
    table = fields.table("recognize")
    names = [one.name for one in dataclasses.fields(Recognition)]
    table.only(*names)
    plain = {name: table.strings(name) for name in names[:-1] if name in table.document}
    properties = {}
    if "properties" in table.document:
        own = table.table("properties")
        properties = {key: own.strings(key) for key in own.document}
    return Recognition(**plain, properties=properties)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    InputError
        When it cannot be read, is too large, or is not valid TOML in UTF-8.
    """
    tomllib = _tomllib()
    try:
        tables: dict[str, Any] = tomllib.loads(read_input(path, str(path), LIMIT).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: byte {error.start} is wrong") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not valid TOML: {error}") from None
    return tables


def _tomllib() -> Any:
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")


def _in(values: tuple[int, ...], least: int, most: int) -> bool:
    return all(least <= value <= most for value in values)


class _Table(Fields):
    """Typed access to a TOML table; unknown keys are errors."""

    def __init__(self, document: dict[str, Any], what: str):
        super().__init__(document, what)
        self.what = what

    def only(self, *known: str) -> None:
        for key in self.document:
            if key not in known:
                raise InputError(f"{self.what}: unknown key {key!r}: known are {', '.join(known)}")

    def strings(self, key: str) -> tuple[str, ...]:
        values = self.list(key)
        if not all(isinstance(value, str) and value for value in values):
            self.fail(key, "be a list of strings that are not empty", values)
        return tuple(values)

    def table(self, key: str) -> _Table:
        value = self._get(key)
        if not isinstance(value, dict):
            self.fail(key, "be a table", value)
        return _Table(value, f"{self.what}, [{key}]")
