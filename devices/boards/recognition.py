"""Which board a machine is, from what its system says about itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_edet.devices.boards.catalog import HOST
from edge_edet.devices.boards.profile import DeviceProfile

__all__ = ["EVIDENCE_FILES", "Evidence", "Match", "parse_properties", "read_evidence", "recognize"]

# field of Evidence -> the file on Linux that has it
EVIDENCE_FILES = {
    "compatible": "proc/device-tree/compatible",
    "model": "proc/device-tree/model",
    "cpuinfo": "proc/cpuinfo",
    "dmi": "sys/class/dmi/id/product_name",
}
BUILD_PROPS = ("system/build.prop", "vendor/build.prop", "product/etc/build.prop")
USB = "sys/bus/usb/devices"
PROPERTY = re.compile(r"^\[([^\]]+)\]: \[(.*)\]$")  # a line of getprop
CPU_KEYS = ("model name", "Model")
# kind of evidence -> its name in messages; the strongest first
KINDS = {
    "properties": "build.prop",
    "compatible": "device tree",
    "model": "device tree",
    "dmi": "DMI",
    "cpuinfo": "cpuinfo",
    "usb": "USB",
}


@dataclass(frozen=True)
class Evidence:
    """Texts as the system has them; empty where it has none.

    Attributes
    ----------
    compatible
        The device tree's `compatible`; entries end with a zero byte.
    model
        The device tree's `model`.
    cpuinfo
        /proc/cpuinfo.
    dmi
        Vendor and product of a PC's firmware.
    usb
        The devices on USB as vendor:product.
    properties
        Build.prop, or what getprop prints.
    """

    compatible: str = ""  # entries end with a zero byte
    model: str = ""
    cpuinfo: str = ""
    dmi: str = ""
    usb: tuple[str, ...] = ()  # vendor:product
    properties: str = ""  # build.prop, or what getprop prints


@dataclass(frozen=True)
class Match:
    """A profile and the evidence for it, such as "device tree: brcm,bcm2711".

    Attributes
    ----------
    profile
        The board.
    because
        The evidence, in words.
    """

    profile: DeviceProfile
    because: str


def read_evidence(root: Path = Path("/")) -> Evidence:
    """Read the evidence of this machine, or of another one's file system below root.

    Parameters
    ----------
    root
        The root of the file system to look at.

    Returns
    -------
    Evidence
        The evidence; a file that is not there gives an empty text.
    """
    texts = {field: _read(root / file) for field, file in EVIDENCE_FILES.items()}
    usb = tuple(
        f"{_read(path.parent / 'idVendor').strip()}:{_read(path).strip()}"
        for path in sorted((root / USB).glob("*/idProduct"))
    )
    properties = "\n".join(_read(root / file) for file in BUILD_PROPS)
    return Evidence(**texts, usb=usb, properties=properties.strip())


def recognize(evidence: Evidence, profiles: Mapping[str, DeviceProfile]) -> list[Match]:
    """Find the board and the accelerators plugged into it.

    Evidence counts in the order of KINDS: the device tree takes precedence over /proc/cpuinfo, which names
    the board on a Raspberry Pi, but not with every kernel. Of two profiles that fit by the same kind of
    evidence the later one, which is the user's, counts.

    Parameters
    ----------
    evidence
        What the machine says about itself.
    profiles
        All profiles by id, "host" among them.

    Returns
    -------
    list of Match
        The board first, "host" where no profile fits; then one for each USB accelerator.
    """
    boards: dict[str, Match] = {}
    plugged: list[Match] = []
    for profile in profiles.values():
        for kind, because in _reasons(profile, evidence):
            match = Match(profile, because)
            if kind == "usb":
                plugged.append(match)
            else:
                boards[kind] = match
    nothing = Match(profiles[HOST], "no other profile fits")
    board = next((boards[kind] for kind in KINDS if kind in boards), nothing)
    return [board, *plugged]


def _reasons(profile: DeviceProfile, evidence: Evidence) -> Iterable[tuple[str, str]]:
    """Find the kinds of evidence that fit: (kind, text to show)."""
    want = profile.recognize
    present = parse_properties(evidence.properties)
    entries = evidence.compatible.replace("\n", "\0").split("\0")
    model, product = evidence.model.strip("\0\n "), evidence.dmi.strip()
    names = _cpu_names(evidence.cpuinfo)
    hits = {
        "properties": [
            f"{key}={present[key]}"
            for key, values in want.properties.items()
            if present.get(key) in values
        ],
        "compatible": [one for one in want.compatible if one in entries],
        "model": [model for one in want.model if model.startswith(one)],
        "dmi": [product for one in want.dmi if product.startswith(one)],
        "cpuinfo": [name for one in want.cpuinfo for name in names if one in name],
        "usb": [one for one in want.usb if one in evidence.usb],
    }
    return [(kind, f"{KINDS[kind]}: {texts[0]}") for kind, texts in hits.items() if texts]


def parse_properties(text: str) -> dict[str, str]:
    """Read the properties of build.prop ("key=value") or getprop ("[key]: [value]").

    Parameters
    ----------
    text
        What `getprop` prints, or the content of build.prop.

    Returns
    -------
    dict[str, str]
        Value by name of the property.
    """
    properties = {}
    for line in text.splitlines():
        if match := PROPERTY.match(line.strip()):
            properties[match[1]] = match[2]
        elif "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            properties[key.strip()] = value.strip()
    return properties


def _cpu_names(text: str) -> list[str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return [value.strip() for key, _, value in pairs if key.strip() in CPU_KEYS]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
