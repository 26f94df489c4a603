"""The exports of make_onnx_golden.py, and the variant that they are of."""

from __future__ import annotations

import gzip
from pathlib import Path

from edge_edet.variants import VARIANTS

FOLDER = Path(__file__).resolve().parent / "onnx"
NARROW = VARIANTS["d0"].replace(
    image_size=128, width=0.1, depth=0.3, fpn_channels=12, fpn_repeats=2, head_repeats=2
)


def unpack(case: str, folder: Path) -> Path:
    """The `.onnx` file of a case in folder, and what belongs beside it."""
    for packed in FOLDER.glob(f"{case}.onnx*.gz"):
        (folder / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    return folder / f"{case}.onnx"
