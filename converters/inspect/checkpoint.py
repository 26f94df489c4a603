"""What a checkpoint holds, before it is converted: network, classes, anchors, and what is assumed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_edet.converters.checkpoints import Checkpoint, find_variant
from edge_edet.converters.facts import not_stated, standing, training_notes
from edge_edet.labels import COCO_LABELS
from edge_edet.network import count_parameters
from edge_edet.pictures import shown

__all__ = ["CheckpointFacts", "checkpoint_facts"]

MOST_LABELS = 8
COLUMN = 15


@dataclass(frozen=True)
class CheckpointFacts:
    """A checkpoint as `convert` would read it.

    Attributes
    ----------
    checkpoint
        The checkpoint, with its variant, labels and sources.
    assumed
        Names of the training settings that no file states.
    notes
        Sentences about what was found or is missing.
    """

    checkpoint: Checkpoint
    assumed: tuple[str, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        one, variant = self.checkpoint, self.checkpoint.variant
        return {
            "file": one.file_name,
            "sha256": one.sha256,
            "family": one.family,
            "variant": variant.name,
            "parameters": count_parameters(variant),
            "classes": variant.num_classes,
            "labels": list(one.labels) if one.labels else None,
            "image_size": variant.image_size,
            "anchor_scale": list(variant.anchor_scales),
            "anchor_octaves": list(variant.anchor_octaves),
            "aspect_ratios": [list(pair) for pair in variant.aspect_ratios],
            "anchors": variant.num_anchors,
            "mean": list(variant.mean),
            "std": list(variant.std),
            "pad_rgb": list(variant.pad_rgb),
            "fusion": variant.fusion,
            "conv_padding": variant.conv_padding,
            "pool_padding": variant.pool_padding,
            "stated_by": {
                name: fact.source for fact in reversed(standing(one.facts)) for name in fact.values
            },
            "assumed": list(self.assumed),
            "notes": list(self.notes),
        }

    def lines(self) -> Iterator[str]:
        """Yield the report's lines, of at most 80 columns."""
        one, v = self.checkpoint, self.checkpoint.variant
        yield f"{one.file_name}: {v.name} in {one.family}'s format, {v.num_classes} classes"
        octaves = ", ".join(f"{value:.4g}" for value in v.anchor_octaves)
        ratios = ", ".join(f"{x:.4g} x {y:.4g}" for x, y in v.aspect_ratios)
        rows = {
            "parameters": f"{count_parameters(v):,}",
            "classes": self._classes(),
            "image size": "{1} x {0}".format(*v.input_size),
            "anchors": f"{v.num_anchors:,}, {v.anchors_per_position} at each position",
            "  scale": f"{shown(v.anchor_scales)} strides",
            "  octaves": octaves,
            "  aspect ratios": ratios,
            "normalization": f"mean {shown(v.mean)}, std {shown(v.std)}",
            "padding": shown(v.pad_rgb),
            "fusion": v.fusion,
            "sha256": one.sha256[:16],
        }
        for name, text in rows.items():
            yield f"{name:<{COLUMN}}  {text}"
        for note in self.notes:
            yield f"note: {note}"

    def _classes(self) -> str:
        labels = self.checkpoint.labels
        if labels is None:
            count = self.checkpoint.variant.num_classes
            coco = f"; {count}, as many as COCO's" if count == len(COCO_LABELS) else ""
            return f"no file names them{coco}"
        names = [label or "-" for label in labels]
        more = f" and {len(names) - MOST_LABELS} more" if len(names) > MOST_LABELS else ""
        return ", ".join(names[:MOST_LABELS]) + more


def checkpoint_facts(path: Path) -> CheckpointFacts:
    """Read a checkpoint's facts.

    Parameters
    ----------
    path
        Of the checkpoint.

    Returns
    -------
    CheckpointFacts
        What it holds.

    Raises
    ------
    CheckpointError
        Where the file is no checkpoint, or of no known network.
    """
    one = find_variant(path, lambda variant: [])
    notes = training_notes(one.published, one.variant, one.facts, None, one.model)
    return CheckpointFacts(one, not_stated(standing(one.facts)), (*one.notes, *notes))
