"""The evaluation set of an AP: APs share a figure only where their evaluation sets are equal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePath

from edge_edet.benchmarks.rows import Accuracy
from edge_edet.files import to_json

__all__ = ["TEST_DEV", "VAL2017", "EvalSet", "eval_set_of"]

VAL2017_PICTURES = 5000
VAL2017_FILE = "instances_val2017.json"


@dataclass(frozen=True)
class EvalSet:
    """Pictures and protocol that an AP belongs to.

    Attributes
    ----------
    key
        Equal for APs that may be compared.
    name
        For the label of an axis.
    """

    key: str
    name: str


VAL2017 = EvalSet("val2017", "COCO val2017")
TEST_DEV = EvalSet("test-dev", "COCO test-dev")


def eval_set_of(accuracy: Accuracy) -> EvalSet:
    """Return the evaluation set of a measured AP.

    Only all 5,000 pictures under COCO's own file name are COCO val2017; a part of them is a set of
    its own.

    Parameters
    ----------
    accuracy
        Of a row.

    Returns
    -------
    EvalSet
        Name and size of the data.
    """
    file = PurePath(accuracy.data.replace("\\", "/"))
    protocol = json.dumps(to_json(accuracy.protocol), sort_keys=True)
    if file.name == VAL2017_FILE and accuracy.pictures == VAL2017_PICTURES:
        return VAL2017
    name = file.parent.name if file.suffix == ".json" and file.parent.name else file.name
    label = f"{name or 'unnamed data'}, {accuracy.pictures} pictures"
    return EvalSet(f"{accuracy.data_digest} {accuracy.pictures} {protocol}", label)
