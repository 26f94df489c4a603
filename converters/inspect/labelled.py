"""The pictures that a certificate compares on, and AP where they have labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def is_labelled(path: Path) -> bool:
    """Whether the pictures come with labels, by what lies there."""
    if not path.is_dir():
        return path.suffix.lower() == ".json"
    folders = any((path / name).is_dir() for name in ("Annotations", "labels", "annotations"))
    return folders or any(path.glob("*.json"))


def pictures_and_accuracy(
    model: Path, twin: Path, data: Path, split: str | None, threads: int, limit: int | None = None
) -> tuple[list[Path], dict[str, Any] | None]:
    """The pictures to compare on and, where they have labels, both models' AP."""
    if not is_labelled(data):
        from edge_edet.detect_command import find_pictures

        return find_pictures([str(data)])[:limit], None
    from edge_edet.benchmarks.accuracy import compare, evaluate, load_dataset
    from edge_edet.benchmarks.eval_report import document

    dataset = load_dataset(data, split=split).first(limit)
    results = [evaluate(path, dataset, threads=threads) for path in (twin, model)]
    pictures = [picture.path for picture in dataset.pictures]
    return pictures, document(results, [compare(*results)])
