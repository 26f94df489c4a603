"""Any checkpoint -> canonical weights: find the container, then the family, then assemble."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.converters.checkpoints.arrays import file_sha256, read_limited
from edge_edet.converters.checkpoints.effdet_models import effdet_family, notes_on_name
from edge_edet.converters.checkpoints.extras import fact_of_metadata, read_labels
from edge_edet.converters.checkpoints.family_automl import AUTOML, normalize_automl
from edge_edet.converters.checkpoints.family_effdet import EFFDET
from edge_edet.converters.checkpoints.family_tfod import TFOD
from edge_edet.converters.checkpoints.family_zylo117 import ZYLO117
from edge_edet.converters.checkpoints.keras_h5 import read_keras_h5
from edge_edet.converters.checkpoints.mapping import (
    Family,
    anchors_per_place,
    assemble,
    shape_list,
)
from edge_edet.converters.checkpoints.network_prefix import take_network
from edge_edet.converters.checkpoints.safetensors_file import read_safetensors
from edge_edet.converters.checkpoints.tf_bundle import read_tf_bundle
from edge_edet.converters.checkpoints.tf_files import (
    bundle_files,
    checkpoint_prefix,
    choice_notes,
    refuse_export,
)
from edge_edet.converters.checkpoints.tfod_reader import prepare_tfod
from edge_edet.converters.checkpoints.torch_file import TorchFile, read_torch_legacy, read_torch_zip
from edge_edet.converters.checkpoints.training_record import facts_beside, labels_beside
from edge_edet.converters.facts import (
    Fact,
    fact_of_boxes,
    fact_of_name,
    other_network,
    settle,
)
from edge_edet.errors import CheckpointError, MissingExtraError
from edge_edet.variants import Variant

__all__ = ["Checkpoint", "read_checkpoint"]

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
_PICKLE_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".pkl")
_ANCHOR_BOXES = re.compile(r"(^|\.)anchors\.boxes$")  # effdet's DetBenchTrain and DetBenchPredict
_FAMILIES = (EFFDET, AUTOML, ZYLO117, TFOD)
_Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Trained weights in canonical naming and the variant as it was trained.

    sha256 is of the file as given; of it and the files beside it that hold its data, in order, for
    TensorFlow's and ONNX's.
    labels are None when neither the file nor a fact has any; facts: all that say how it was trained.
    notes: sentences on what of the file is not read, was chosen among several, or is assumed.
    """

    weights: dict[str, NDArray[np.float32]]
    variant: Variant
    family: str
    sha256: str
    file_name: str
    labels: tuple[str | None, ...] | None
    facts: tuple[Fact, ...]
    published: Variant  # what the variant would be if no fact said anything
    model: str  # whose settings these are: "the published d0"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _File:
    """tensors by name; metadata: of `.safetensors`; plain: data beside the weights, of PyTorch's."""

    tensors: _Tensors
    metadata: Mapping[str, str] = field(default_factory=dict)
    plain: Any = None
    notes: tuple[str, ...] = ()


def _read_file(path: Path) -> _File:
    """What is in one file, whose container is known by its first bytes."""
    data = read_limited(path)
    if data.startswith(_ZIP_MAGICS):
        return _of_torch(read_torch_zip(data))
    if data.startswith(_HDF5_MAGIC):
        return _File(read_keras_h5(path))
    if data[8:9] == b"{":
        return _File(*read_safetensors(data))
    if data[:1] == b"\x80" or (data and path.suffix in _PICKLE_SUFFIXES):
        return _of_torch(read_torch_legacy(data))
    raise CheckpointError(
        f"is not a checkpoint (it begins with {data[:8].hex(' ') or 'nothing'}): expected .pth, "
        ".safetensors, .h5, .onnx, or a TensorFlow checkpoint's prefix or folder"
    )


def _of_torch(file: TorchFile) -> _File:
    return _File(file.tensors, plain=file.plain, notes=file.notes)


def _find_family(tensors: _Tensors) -> Family:
    counts = [sum(map(bool, map(family.marks.match, tensors))) for family in _FAMILIES]
    if not max(counts):
        shapes = {name: array.shape for name, array in tensors.items()}
        raise CheckpointError(
            f"is of no known family ({', '.join(family.name for family in _FAMILIES)}): it has "
            f"{shape_list(shapes) or 'no tensors'}"
        )
    return _FAMILIES[counts.index(max(counts))]


def _read_onnx(path: Path, variant: Variant, facts: Sequence[Fact]) -> Checkpoint:
    try:
        from edge_edet.converters.checkpoints.onnx_effdet import read_effdet_onnx
    except ModuleNotFoundError:
        raise MissingExtraError(
            "reading .onnx weights needs onnx: pip install 'edge-edet[convert]'"
        ) from None
    weights, trained, family, beside, facts = read_effdet_onnx(
        read_limited(path), path.parent, variant, facts
    )
    published = family.published(variant)
    return Checkpoint(
        weights, trained, family.name, file_sha256(path, *beside), path.name,
        _labels(facts, trained), tuple(facts), published.replace(num_classes=trained.num_classes),
        _model_name(family, variant),
    )  # fmt: skip


def _read(path: Path, variant: Variant, given: Sequence[Fact]) -> Checkpoint:
    facts = [*given]
    name = fact_of_name(path)
    if name is not None:
        facts.append(name)
    refuse_export(path)
    prefix = checkpoint_prefix(path)
    if prefix is not None:
        file = _File(read_tf_bundle(prefix), notes=choice_notes(path, prefix))
        files = bundle_files(prefix)
    elif path.is_dir():
        raise CheckpointError("is a folder without a TensorFlow checkpoint")
    elif path.suffix == ".onnx":
        return _read_onnx(path, variant, facts)
    else:
        file, files = _read_file(path), [path]
    tensors, beside = take_network(file.tensors, [family.marks for family in _FAMILIES])
    family = _find_family(tensors)
    recorded, passed_over = facts_beside(file.plain, variant, given)
    facts += recorded
    if family is AUTOML:
        tensors = normalize_automl(tensors)
    if family is EFFDET:
        family, tensors = effdet_family(settle(variant, facts), tensors)
        passed_over += notes_on_name(path.name, family, variant)
    published = family.published(variant)
    said = fact_of_metadata(file.metadata, published)
    if said is not None:
        facts.append(said)
    if family is TFOD and prefix is not None:
        prepared = prepare_tfod(tensors, prefix, published, facts)
        tensors = prepared.tensors
        facts.append(prepared.fact)
        passed_over += prepared.notes
    facts += _anchor_facts(family, tensors, settle(published, facts))
    weights, trained = assemble(family, settle(published, facts), tensors)
    labels = labels_beside(file.plain, trained.num_classes)
    if labels is not None:
        facts.append(labels)
        passed_over.append(f"its labels are {labels.source}")
    return Checkpoint(
        weights=weights,
        variant=trained,
        family=family.name,
        sha256=file_sha256(*files),
        file_name=path.name,
        labels=read_labels(file.metadata, trained.num_classes) or _labels(facts, trained),
        facts=tuple(facts),
        published=published.replace(num_classes=trained.num_classes),
        model=_model_name(family, variant),
        notes=(*file.notes, *beside, *passed_over),
    )


def _model_name(family: Family, variant: Variant) -> str:
    if family is TFOD:
        return f"the Object Detection API's {variant.name}"
    own = family.changes.get("conv_padding") == "symmetric"  # effdet_models.py
    return f"effdet's efficientdet_{variant.name}" if own else f"the published {variant.name}"


def _anchor_facts(family: Family, tensors: _Tensors, known: Variant) -> list[Fact]:
    """What the anchors say that a file holds as boxes."""
    names = [name for name in tensors if _ANCHOR_BOXES.search(name)]
    if not names:
        return []
    per_place = anchors_per_place(family, tensors)
    return [fact_of_boxes(tensors[name], known, per_place, name) for name in names]


def _labels(facts: Sequence[Fact], variant: Variant) -> tuple[str | None, ...] | None:
    """The class names that a fact has, the rest of the classes unused."""
    for fact in facts:
        if fact.labels is None:
            continue
        if len(fact.labels) > variant.num_classes:
            raise CheckpointError(
                f"has {variant.num_classes} classes, {fact.source} names {len(fact.labels)}"
            )
        return fact.labels + (None,) * (variant.num_classes - len(fact.labels))
    return None


def read_checkpoint(path: Path | str, variant: Variant, facts: Sequence[Fact] = ()) -> Checkpoint:
    """The weights of a checkpoint of variant, whichever public format it has.

    Reads effdet `.pth`, `.safetensors` and exported `.onnx`, google/automl `.h5`, TensorFlow
    checkpoints of google/automl and the Object Detection API (a prefix, one of its files, or the
    folder), and zylo117 `.pth`. The variant comes back with the number of classes, the anchors, the
    input size and the normalization that it was trained with, by the file, its name and the facts that
    the caller knows. Raises CheckpointError, one line, when the file is damaged, hostile or of another
    network, and where the file and a fact contradict each other.
    """
    path = Path(path)
    try:
        return _read(path, variant, facts)
    except CheckpointError as error:
        hint = other_network(path)
        text = f"{hint}; {error}" if hint else str(error)
        raise CheckpointError(f"{path.name}: {' '.join(text.split())}") from None
    except OSError as error:
        raise CheckpointError(f"{path.name}: cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise CheckpointError(f"{path.name}: does not fit in memory") from None
