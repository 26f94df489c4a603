"""Find the weights of a variant, in the order in which `convert` looks for them."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from edge_edet.converters.checkpoints import (
    Checkpoint,
    find_variant,
    random_weights,
    read_checkpoint,
)
from edge_edet.converters.facts import (
    Fact,
    TrainingOptions,
    facts_of_options,
    not_stated,
    settle,
    standing,
    training_notes,
)
from edge_edet.converters.weights.input_size import SizeWish, chosen_size, size_note
from edge_edet.converters.weights.release import find_pulled, release_file
from edge_edet.converters.weights.source import Source, asset, weights_digest
from edge_edet.errors import CheckpointError, InputError
from edge_edet.labels import COCO_LABELS, LabelFile, read_label_file
from edge_edet.variants import VARIANTS, Variant, canonical_name, get_variant

BUNDLED = {"d0": "d0-bccd.safetensors"}  # variant -> file in edge_edet/assets
NAMES = ("official", "bundled", "random")
CHECKPOINT_SUFFIXES = (
    ".pth",
    ".pt",
    ".ckpt",
    ".bin",
    ".h5",
    ".hdf5",
    ".keras",
    ".safetensors",
    ".onnx",
    ".index",
)


def find_weights(
    name: str,
    weights: str | None,
    seed: int,
    num_classes: int | None,
    image_size: SizeWish | None,
    training: TrainingOptions | None = None,
) -> Source:
    """Find the weights of a variant: `weights` if given, else pulled official ones, else bundled ones.

    Parameters
    ----------
    name
        A variant, or the path of a checkpoint, whose tensors then determine the variant.
    weights
        Path of a checkpoint, or one of `NAMES`; None with a checkpoint as `name`.
    seed
        Seed of random weights.
    num_classes
        Number of classes of random weights. None: the variant's own. For other weights it must be the
        number that they were trained for.
    image_size
        Of the input to build for, see `chosen_size`. None: as trained.
    training
        How the detector was trained, where the checkpoint does not say.

    Returns
    -------
    Source
        The weights with their variant, labels and origin.

    Raises
    ------
    InputError
        If there are no weights (the message says how to get them), or the image size cannot be built.
    CheckpointError
        If the checkpoint cannot be read, or contradicts what is known of it.
    """
    options = training or TrainingOptions()
    if is_checkpoint(name):
        return _of_unnamed(Path(name), weights, num_classes, image_size, options)
    variant = get_variant(name)
    name = variant.name
    facts = facts_of_options(options, variant)
    chosen = weights
    notes: tuple[str, ...] = ()
    if chosen is None:
        chosen = "official" if find_pulled(name) else "bundled" if name in BUNDLED else None
        if chosen is None:
            raise InputError(
                f"no weights for {name}: get the official ones with 'edge-edet weights pull "
                f"{name}', give a checkpoint with --weights FILE, or, to measure latency only, "
                "--weights random"
            )
        if chosen == "bundled":
            notes = (
                f"{name}: using the bundled blood-cell weights (RBC, WBC, Platelets); for COCO's "
                f"classes run 'edge-edet weights pull {name}'",
            )
    if chosen == "random":
        return _random(settle(variant, facts), seed, num_classes, image_size)
    path = _path(name, chosen)
    facts += _wish(image_size)
    if chosen in NAMES:
        facts.insert(0, _published(variant, f"the {chosen} weights"))
    checkpoint = read_checkpoint(path, variant, facts)
    source = _trained(checkpoint, chosen, num_classes, image_size)
    return dataclasses.replace(source, notes=notes + source.notes)


def is_checkpoint(name: str) -> bool:
    """Check whether a text names a checkpoint file rather than a variant.

    Parameters
    ----------
    name
        As given on the command line.

    Returns
    -------
    bool
        Whether it does.
    """
    if canonical_name(name) in VARIANTS:
        return False
    path = Path(name)
    return path.exists() or path.suffix in CHECKPOINT_SUFFIXES or Path(f"{name}.index").exists()


def _of_unnamed(
    path: Path,
    weights: str | None,
    num_classes: int | None,
    image_size: SizeWish | None,
    options: TrainingOptions,
) -> Source:
    """Read a checkpoint given in place of a variant; its tensors determine the variant."""
    if weights is not None:
        raise InputError(f"{str(path)!r} is a checkpoint itself: leave --weights {weights} out")

    def facts_of(variant: Variant) -> list[Fact]:
        return facts_of_options(options, variant) + _wish(image_size)

    checkpoint = find_variant(path, facts_of)
    source = _trained(checkpoint, str(path), num_classes, image_size)
    told = f"{checkpoint.file_name} is a {checkpoint.variant.name}, by its tensors"
    return dataclasses.replace(source, notes=(told, *source.notes))


def _wish(image_size: SizeWish | None) -> list[Fact]:
    if image_size is None:
        return []
    return [Fact("--image-size", {"image_size": image_size}, wish=True)]


def _published(variant: Variant, source: str) -> Fact:
    """Return what is known of published weights; no option may contradict it."""
    fields = ("image_size", "anchor_scale", "anchor_octaves", "aspect_ratios", "mean", "std")
    return Fact(source, {name: getattr(variant, name) for name in fields})


def _path(name: str, chosen: str) -> Path:
    if chosen == "official":
        pulled = find_pulled(name)
        if pulled is None:
            raise InputError(
                f"the official weights of {name} ({release_file(name).name}) are not here: run "
                f"'edge-edet weights pull {name}'"
            )
        return pulled
    if chosen == "bundled":
        if name not in BUNDLED:
            raise InputError(f"no weights of {name} are bundled, only of {', '.join(BUNDLED)}")
        return asset(BUNDLED[name])
    return Path(chosen)


def _random(
    variant: Variant, seed: int, num_classes: int | None, image_size: SizeWish | None
) -> Source:
    variant = variant.replace(
        num_classes=num_classes or variant.num_classes, image_size=chosen_size(image_size, variant)
    )
    weights = random_weights(variant, seed)
    provenance = {"name": "random", "sha256": None, "family": None, "random": True, "seed": seed}
    notes = (
        f"{variant.name}: random weights, good for latency only; it detects nothing",
        size_note(image_size, variant.image_size),
    )
    return Source(
        variant,
        weights,
        _default_labels(variant),
        provenance,
        weights_digest(weights),
        tuple(filter(None, notes)),
    )


def _trained(
    checkpoint: Checkpoint, chosen: str, num_classes: int | None, image_size: SizeWish | None
) -> Source:
    trained, labels = checkpoint.variant, checkpoint.labels
    if num_classes is not None and num_classes != trained.num_classes:
        raise CheckpointError(
            f"{checkpoint.file_name!r} was trained for {trained.num_classes} classes and "
            f"--num-classes says {num_classes}: leave it out, it is read from the file"
        )
    for fact in checkpoint.facts:
        if fact.values.get("num_classes", trained.num_classes) != trained.num_classes:
            raise CheckpointError(
                f"{checkpoint.file_name!r} has {trained.num_classes} classes, {fact.source} says "
                f"{fact.values['num_classes']}: is it the file of this training?"
            )
    digest = weights_digest(checkpoint.weights)
    if chosen not in NAMES and trained.name in BUNDLED:
        known_digest, known_variant, known_labels = _bundled_facts(trained.name)
        if (
            digest == known_digest
        ):  # the bundled weights in another file: take over how those were trained
            labels = labels or known_labels
            if not any({"mean", "pad_rgb"} & set(f.values) for f in standing(checkpoint.facts)):
                trained = trained.replace(pad_rgb=known_variant.pad_rgb)
    adapted = trained.replace(image_size=chosen_size(image_size, trained))
    notes: list[str] = []
    assumed: tuple[str, ...] = ()
    if chosen not in NAMES:
        notes = training_notes(
            checkpoint.published,
            trained,
            checkpoint.facts,
            image_size and adapted.image_size,
            checkpoint.model,
        )
        assumed = not_stated(standing(checkpoint.facts))
        if "anchors" in assumed and checkpoint.family == "zylo117":
            notes += _projects_beside(Path(chosen))
    provenance = {
        "name": checkpoint.file_name,
        "sha256": checkpoint.sha256,
        "family": checkpoint.family,
        "random": False,
        "assumed": list(assumed),
    }
    said = (f"{checkpoint.file_name}: {part}" for part in checkpoint.notes)
    unnamed = "" if labels or chosen in NAMES else _unnamed(adapted)
    return Source(
        adapted,
        checkpoint.weights,
        labels or _default_labels(adapted),
        provenance,
        digest,
        tuple(filter(None, (*said, *notes, size_note(image_size, adapted.image_size)))),
        unnamed,
    )


def _projects_beside(path: Path) -> list[str]:
    """Return a note on zylo117's project files beside the checkpoint: they are named, but not read."""
    found = [
        file.name
        for file in sorted(path.parent.glob("*.y*ml"))[:50]
        if file.is_file() and file.stat().st_size < 2**16 and b"anchors_ratios" in file.read_bytes()
    ]
    return (
        [f"{' and '.join(found)} beside it: if it was trained with that, give --project"]
        if found
        else []
    )


def _unnamed(variant: Variant) -> str:
    called = _default_labels(variant)
    names = f"'{called[0]}' to '{called[-1]}'" if len(called) > 1 else f"'{called[0]}'"
    taken = "COCO's, " if called is COCO_LABELS else ""
    return f"classes are called {taken}{names}: no file names them; give --labels FILE"


@functools.cache
def _bundled_facts(name: str) -> tuple[str, Variant, tuple[str | None, ...] | None]:
    checkpoint = read_checkpoint(asset(BUNDLED[name]), get_variant(name))
    return weights_digest(checkpoint.weights), checkpoint.variant, checkpoint.labels


def _default_labels(variant: Variant) -> tuple[str | None, ...]:
    if variant.num_classes == len(COCO_LABELS):
        return COCO_LABELS
    return tuple(f"class {index}" for index in range(variant.num_classes))


def read_labels(path: Path, num_classes: int) -> LabelFile:
    """Read a file of class names.

    Parameters
    ----------
    path
        The file: one name on each line, or a `.pbtxt` label map.
    num_classes
        Number of classes of the model.

    Returns
    -------
    LabelFile
        The names, in the order of the classes.

    Raises
    ------
    InputError
        If the number of labels is not `num_classes`.
    """
    found = read_label_file(path, num_classes)
    if len(found.names) != num_classes:
        raise InputError(
            f"{str(path)!r} has {len(found.names)} labels, the weights have {num_classes} classes"
        )
    return found
