"""`edge-edet variants`: the size of every network, counted in our graph, beside published numbers."""

from __future__ import annotations

import argparse
import json
from typing import Any

from edge_edet.variants import VARIANTS, Variant

__all__ = ["add_arguments", "run"]

HEADER = (
    f"{'':8}{'image':>6}{'anchors':>9}{'parameters':>13}{'published':>11}"
    f"{'multiply-adds':>15}{'published':>11}"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `variants`."""
    parser.add_argument("--json", action="store_true", help="one JSON array, with the sources")


def run(args: argparse.Namespace) -> int:
    """Print the table. Returns 0."""
    rows = [describe(variant) for variant in VARIANTS.values()]
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    print(HEADER)
    for row in rows:
        print(_line(row))
    print(
        "\nparameters: trainable, with 90 classes; multiply-adds: of the convolutions, at\n"
        "the image size; published: rounded by its authors, sources are in --json"
    )
    return 0


def describe(variant: Variant) -> dict[str, Any]:
    """Collect what `--json` prints of one variant; published numbers are None where there are none."""
    from edge_edet.benchmarks.published import published_size
    from edge_edet.network import build_network, count_parameters

    published = published_size(variant.name)
    return {
        "name": variant.name,
        "image_size": variant.image_size,
        "anchors": variant.num_anchors,
        "parameters": count_parameters(variant),
        "multiply_adds": build_network(variant).multiply_adds(),
        "published_parameters": published.parameters,
        "published_parameters_source": published.parameters_source,
        "published_multiply_adds": published.multiply_adds,
        "published_multiply_adds_source": published.multiply_adds_source,
        "source": variant.source,
    }


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['name']:8}{row['image_size']:>6}{row['anchors']:>9,}"
        f"{row['parameters']:>13,}{_short(row['published_parameters'], 1e6, 'M'):>11}"
        f"{row['multiply_adds'] / 1e9:>13.2f} G"
        f"{_short(row['published_multiply_adds'], 1e9, 'G'):>11}"
    )


def _short(value: float | None, unit: float, letter: str) -> str:
    return "-" if value is None else f"{value / unit:.3g} {letter}"
