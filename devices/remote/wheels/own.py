"""This edge-edet as a wheel, made of the files that are running: the board gets the same code.

A checkout has no wheel and an installed package has none any more; the network may be away. The
same files give the same bytes, so that a board knows a wheel that it has.
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
WHEN = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can tell


def write_wheel(folder: Path) -> Path:
    """The wheel in that folder; all of edge-edet, with its extras, without its tests."""
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
    """Of the installed package; a checkout may have an egg-info besides, perhaps an old one."""
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
