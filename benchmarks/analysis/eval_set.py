"""What an AP was measured on: APs stand in one figure only where this is the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePath

from edge_edet.benchmarks.rows import Accuracy, to_json

__all__ = ["TEST_DEV", "VAL2017", "Yardstick", "yardstick_of"]

VAL2017_PICTURES = 5000
VAL2017_FILE = "instances_val2017.json"


@dataclass(frozen=True)
class Yardstick:
    """key: what must be equal. name: for an axis."""

    key: str
    name: str


VAL2017 = Yardstick("val2017", "COCO val2017")
TEST_DEV = Yardstick("test-dev", "COCO test-dev")


def yardstick_of(accuracy: Accuracy) -> Yardstick:
    """COCO val2017 is the whole of it, under its own file name; parts of it are something else."""
    file = PurePath(accuracy.data.replace("\\", "/"))
    protocol = json.dumps(to_json(accuracy.protocol), sort_keys=True)
    if file.name == VAL2017_FILE and accuracy.pictures == VAL2017_PICTURES:
        return VAL2017
    name = file.parent.name if file.suffix == ".json" and file.parent.name else file.name
    told = f"{name or 'unnamed data'}, {accuracy.pictures} pictures"
    return Yardstick(f"{accuracy.data_digest} {accuracy.pictures} {protocol}", told)
