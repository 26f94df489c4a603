"""Read any checkpoint into canonical weights: open the container, find the family, assemble."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_edet.converters.checkpoints.container import Loaded, load
from edge_edet.converters.checkpoints.families import (
    AUTOML,
    EFFDET,
    TFOD,
    ZYLO117,
    effdet_family,
    normalize_automl,
    notes_on_name,
    prepare_tfod,
    take_network,
)
from edge_edet.converters.checkpoints.mapping import (
    Family,
    anchors_per_position,
    assemble,
    shape_list,
)
from edge_edet.converters.checkpoints.safetensors_metadata import fact_of_metadata, read_labels
from edge_edet.converters.checkpoints.training_record import facts_beside, labels_beside
from edge_edet.converters.facts import (
    Fact,
    fact_of_boxes,
    fact_of_name,
    other_network,
    settle,
    sibling_of_name,
)
from edge_edet.errors import CheckpointError
from edge_edet.variants import Variant

__all__ = ["Checkpoint", "interpret", "named_errors", "read_checkpoint"]

_ANCHOR_BOXES = re.compile(r"(^|\.)anchors\.boxes$")  # effdet's DetBenchTrain and DetBenchPredict
_FAMILIES = (EFFDET, AUTOML, ZYLO117, TFOD)
_Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Trained weights by canonical names, and the variant as it was trained.

    Attributes
    ----------
    weights
        effdet's names; convolutions are [out, in / groups, h, w].
    variant
        With the classes, anchors, image size and normalization of the training.
    family
        The name of the implementation that wrote it.
    sha256
        Of the file as given; for TensorFlow and ONNX, of all files that hold its data, in order.
    file_name
        As given, without its folder.
    labels
        The name of each class, None for an unused one; None: neither the file nor a fact has names.
    facts
        All facts about the training.
    published
        What the variant would be without any fact.
    model
        Whose settings these are, such as "the published d0".
    notes
        Sentences on what of the file is not read, was chosen among several, or is assumed.
    """

    weights: dict[str, NDArray[np.float32]]
    variant: Variant
    family: str
    sha256: str
    file_name: str
    labels: tuple[str | None, ...] | None
    facts: tuple[Fact, ...]
    published: Variant
    model: str
    notes: tuple[str, ...] = ()


def _find_family(tensors: _Tensors) -> Family:
    counts = [sum(map(bool, map(family.marks.match, tensors))) for family in _FAMILIES]
    if not max(counts):
        shapes = {name: array.shape for name, array in tensors.items()}
        raise CheckpointError(
            f"is of no known family ({', '.join(family.name for family in _FAMILIES)}): it has "
            f"{shape_list(shapes) or 'no tensors'}"
        )
    return _FAMILIES[counts.index(max(counts))]


def _of_onnx(loaded: Loaded, variant: Variant, given: Sequence[Fact]) -> Checkpoint:
    from edge_edet.converters.checkpoints.onnx import read_effdet_onnx

    weights, trained, family, facts = read_effdet_onnx(loaded.onnx, variant, given)
    published = family.published(variant)
    return Checkpoint(
        weights,
        trained,
        family.name,
        loaded.sha256,
        loaded.path.name,
        _labels(facts, trained),
        tuple(facts),
        published.replace(num_classes=trained.num_classes),
        _model_name(family, variant),
    )


def interpret(loaded: Loaded, variant: Variant, given: Sequence[Fact]) -> Checkpoint:
    """Read what a file holds as a checkpoint of a variant.

    Parameters
    ----------
    loaded
        The content of the file.
    variant
        Its row in the table of variants.
    given
        What the caller knows about the training.

    Raises
    ------
    CheckpointError
        When it is a checkpoint of something else, or facts contradict each other.
    """
    path, facts = loaded.path, [*given]
    sibling = sibling_of_name(path, variant.name)
    if sibling is not None:
        raise CheckpointError(
            f"is {sibling}'s by its name, which has the tensors of {variant.name} but another input size and "
            f"other anchors: name the variant {sibling}, or rename the file"
        )
    name = fact_of_name(path)
    if name is not None:
        facts.append(name)
    if loaded.onnx is not None:
        return _of_onnx(loaded, variant, facts)
    tensors, beside = take_network(loaded.tensors, [family.marks for family in _FAMILIES])
    family = _find_family(tensors)
    recorded, passed_over = facts_beside(loaded.plain, variant, given)
    facts += recorded
    if family is AUTOML:
        tensors, outside = normalize_automl(tensors)
        passed_over += outside
    if family is EFFDET:
        family, tensors = effdet_family(settle(variant, facts), tensors)
        passed_over += notes_on_name(path.name, family, variant)
    published = family.published(variant)
    said = fact_of_metadata(loaded.metadata, published)
    if said is not None:
        facts.append(said)
    if family is TFOD and loaded.prefix is not None:
        prepared = prepare_tfod(tensors, loaded.prefix, published, facts)
        tensors = prepared.tensors
        facts.append(prepared.fact)
        passed_over += prepared.notes
    facts += _anchor_facts(family, tensors, settle(published, facts))
    weights, trained = assemble(family, settle(published, facts), tensors)
    labels = labels_beside(loaded.plain, trained.num_classes)
    if labels is not None:
        facts.append(labels)
        passed_over.append(f"its labels are {labels.source}")
    return Checkpoint(
        weights=weights,
        variant=trained,
        family=family.name,
        sha256=loaded.sha256,
        file_name=path.name,
        labels=read_labels(loaded.metadata, trained.num_classes) or _labels(facts, trained),
        facts=tuple(facts),
        published=published.replace(num_classes=trained.num_classes),
        model=_model_name(family, variant),
        notes=(*loaded.notes, *beside, *passed_over),
    )


def _model_name(family: Family, variant: Variant) -> str:
    if family is TFOD:
        return f"the Object Detection API's {variant.name}"
    own = family.changes.get("conv_padding") == "symmetric"  # see families/effdet_models.py
    return f"effdet's efficientdet_{variant.name}" if own else f"the published {variant.name}"


def _anchor_facts(family: Family, tensors: _Tensors, known: Variant) -> list[Fact]:
    """Read the facts in the anchors that a file holds as boxes."""
    names = [name for name in tensors if _ANCHOR_BOXES.search(name)]
    if not names:
        return []
    per_position = anchors_per_position(family, tensors)
    return [fact_of_boxes(tensors[name], known, per_position, name) for name in names]


def _labels(facts: Sequence[Fact], variant: Variant) -> tuple[str | None, ...] | None:
    """Find the class names that a fact has; classes beyond them are unused."""
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
    """Read a checkpoint of a variant.

    Reads `.pth`, `.safetensors` and exported `.onnx` of effdet, `.h5` of google/automl, TensorFlow
    checkpoints of google/automl and the Object Detection API (a prefix, one of its files, or the
    folder), and `.pth` of zylo117.

    Parameters
    ----------
    path
        The checkpoint.
    variant
        Its row in the table of variants.
    facts
        What the caller knows about the training, see `facts_of_options`.

    Returns
    -------
    Checkpoint
        Its variant has the classes, anchors, image size and normalization of the training, as far as
        the file, its name or a fact states them.

    Raises
    ------
    CheckpointError
        In one line: when the file is damaged, hostile or of another network, and when the file and a
        fact contradict each other.
    MissingExtraError
        When a package that reads this format is not installed.
    """
    path = Path(path)
    with named_errors(path):
        return interpret(load(path), variant, facts)


@contextlib.contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Turn errors inside into a CheckpointError of one line that begins with the file's name."""
    try:
        yield
    except CheckpointError as error:
        hint = other_network(path)
        text = f"{hint}; {error}" if hint else str(error)
        raise CheckpointError(f"{path.name}: {' '.join(text.split())}") from None
    except OSError as error:
        raise CheckpointError(f"{path.name}: cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise CheckpointError(f"{path.name}: does not fit in memory") from None
