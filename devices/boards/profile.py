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
from typing import Any, Literal

from edge_edet.devices.emulation import CPUS
from edge_edet.errors import InputError
from edge_edet.files import Limit, from_json, read_input

__all__ = ["DeviceProfile", "Recognition", "read_profile", "read_toml"]

FORMAT = 1
DELEGATES = ("xnnpack", "gpu", "edgetpu", "none")
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LIMIT = Limit(64 * 1024, "a profile has some hundred bytes")
MAX_THREADS = 1024


OPTIONAL = {"optional": True}  # for `from_json`: a key that may be missing


def _optional(default: Any = ()) -> Any:
    return field(default=default, metadata=OPTIONAL)


@dataclass(frozen=True)
class Recognition:
    """What identifies a machine as this board; one match is enough."""

    compatible: tuple[str, ...] = _optional()  # whole entries of /proc/device-tree/compatible
    model: tuple[str, ...] = _optional()  # beginnings of /proc/device-tree/model
    cpuinfo: tuple[str, ...] = _optional()  # parts of "model name" or "Model" in /proc/cpuinfo
    dmi: tuple[str, ...] = _optional()  # beginnings of /sys/class/dmi/id/product_name
    usb: tuple[str, ...] = _optional()  # vendor:product of a plugged-in device
    properties: dict[str, tuple[str, ...]] = field(  # of build.prop
        default_factory=dict, metadata=OPTIONAL
    )

    def __post_init__(self) -> None:
        lists = {**vars(self), **{f"properties.{k}": v for k, v in self.properties.items()}}
        for key, values in lists.items():
            if "" in values:
                raise _wrong(f"recognize.{key}", "be a list of strings that are not empty", values)


@dataclass(frozen=True)
class DeviceProfile:
    """One board; the fields are the keys of its file, and `id` is the file's name without suffix.

    Attributes
    ----------
    id
        The name of the profile's file without suffix, such as rpi4.
    name
        The board's full name.
    cpu
        Its processor, in words.
    arch
        The instruction set; "any" for a profile that fits every machine.
    cores
        Number of processor cores; 0 where it depends on the machine.
    memory_mb
        The sizes of memory that are sold, in MB.
    threads
        The numbers of threads that `bench` measures with by default.
    delegates
        The delegates that can be used there.
    limits
        What is known to go wrong or to be missing, in sentences.
    source
        Where these facts come from.
    emulated_cpu
        QEMU's name of its core; None: it cannot be emulated.
    recognize
        The evidence that the board is recognised by.
    """

    id: str
    name: str
    cpu: str
    arch: Literal["aarch64", "armv7l", "x86_64", "any"]
    cores: int
    memory_mb: tuple[int, ...]
    threads: tuple[int, ...]
    delegates: tuple[str, ...]
    limits: tuple[str, ...]
    source: str
    emulated_cpu: str | None = _optional(None)
    recognize: Recognition = field(default_factory=Recognition, metadata=OPTIONAL)

    def __post_init__(self) -> None:
        for key in ("name", "cpu", "limits"):
            value = getattr(self, key)
            if not value if isinstance(value, str) else "" in value:
                raise _wrong(key, "have no empty text", value)
        if not 0 <= self.cores <= MAX_THREADS:
            raise _wrong("cores", f"be an integer from 0 to {MAX_THREADS}", self.cores)
        threads = self.threads
        if not threads or list(threads) != sorted(set(threads)) or not _in(threads, 1, MAX_THREADS):
            raise _wrong("threads", f"be ascending integers from 1 to {MAX_THREADS}", threads)
        if not _in(self.memory_mb, 1, 2**24):
            raise _wrong("memory_mb", "be sizes in MB, 1 or more", self.memory_mb)
        for one in self.delegates:
            if one not in DELEGATES and not one.startswith("/"):
                known = ", ".join(DELEGATES)
                raise _wrong("delegates", f"hold only {known} or paths of libraries", one)
        if not self.source.startswith("https://"):
            raise _wrong("source", "be an https address", self.source)
        if self.emulated_cpu not in (None, *CPUS):
            raise _wrong("emulated_cpu", f"be one of {', '.join(CPUS)}", self.emulated_cpu)

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON.

        Returns
        -------
        dict[str, Any]
            The fields by name, as plain data for JSON.
        """
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
    tables = read_toml(path)
    if "format" not in tables:
        raise InputError(f"{path}: the key 'format' is missing")
    if (version := tables.pop("format")) != FORMAT:
        raise InputError(f"{path}: {_wrong('format', f'be {FORMAT}, the only known one', version)}")
    return from_json(DeviceProfile, tables, str(path), id=path.stem)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict[str, Any]
        The document: tables as dicts.

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


def _wrong(key: str, must: str, value: object) -> ValueError:
    """Make an error, before which `from_json` puts the name of the file."""
    shown = list(value) if isinstance(value, tuple) else value
    return ValueError(f"{key!r} must {must}, but is {shown!r}")
