"""A wheel of edge-edet made from the files that are running, so that the board gets the same code.

A checkout has no wheel, an installed package has it no more, and there may be no network. The same files
give the same bytes, so a wheel that a board has is not sent again.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path

from edge_edet import __version__
from edge_edet.errors import BackendError

__all__ = ["write_wheel"]

FOLDERS = ("devices", "benchmarks", "converters", "studies")  # beside the core in a checkout
SKIPPED = ("__pycache__", "test_", "conftest.py")  # pytest's own
WHEEL = "Wheel-Version: 1.0\nGenerator: edge-edet\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
WHEN = (1980, 1, 1, 0, 0, 0)  # the earliest date of a zip file


def write_wheel(folder: Path) -> Path:
    """Write the wheel of all of edge-edet, without its tests, into a folder.

    Parameters
    ----------
    folder
        Where to write it.

    Returns
    -------
    Path
        The path of the wheel.

    Raises
    ------
    BackendError
        When edge-edet is not installed, so that its metadata are missing.
    """
    info = f"edge_edet-{__version__}.dist-info"
    entries = dict(_files())
    entries[f"{info}/METADATA"] = _metadata().encode()
    entries[f"{info}/WHEEL"] = WHEEL.encode()
    entries[f"{info}/entry_points.txt"] = b"[console_scripts]\nedge-edet = edge_edet.cli:main\n"
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in entries.items()]
    record = "\n".join([*rows, f"{info}/RECORD,,", ""])
    entries[f"{info}/RECORD"] = record.encode()
    path = folder / f"edge_edet-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name, WHEN)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return path


def _metadata() -> str:
    """Read the metadata of the installed package; an egg-info in a checkout may be old."""
    for found in distributions(name="edge-edet"):
        if text := found.read_text("METADATA"):
            return text
    raise BackendError("edge-edet is not installed here: 'pip install -e .' in its checkout")


def _files() -> Iterator[tuple[str, bytes]]:
    """(name in the wheel, bytes); the parts stand in folders of their own in a checkout."""
    for part in ("", *(f".{folder}" for folder in FOLDERS)):
        root = Path(str(import_module(f"edge_edet{part}").__file__)).parent
        inside = "edge_edet" + part.replace(".", "/")
        for path in sorted(root.rglob("*")):
            inner = path.relative_to(root)
            other = not part and inner.parts[0] in FOLDERS
            skipped = any(one.startswith(SKIPPED) for one in inner.parts)
            if path.is_file() and not other and not skipped:
                yield f"{inside}/{inner.as_posix()}", path.read_bytes()


def _digest(data: bytes) -> str:
    digest = hashlib.sha256(data).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
