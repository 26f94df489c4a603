"""Write published/lite_work.csv: the work of an inference of the models that were measured on boards.

    python -m edge_edet.studies.lite_work benchmarks/published/lite_work.csv

These models are from tfhub, with 90 classes and TFLite_Detection_PostProcess over all anchors. Weights do
not change the work, so the same networks are built with random ones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_edet.benchmarks.estimate import PRECISIONS, read_features
from edge_edet.files import scratch_folder
from edge_edet.variants import VARIANTS

CLASSES = 90
HEADER = f"""\
# What an inference of EfficientDet-Lite with {CLASSES} classes asks for, counted in our files of them.
# multiply_adds: of convolutions; bytes_moved: activations, read and written; scores: anchors x classes.
# Made by python -m edge_edet.studies.lite_work
model,precision,multiply_adds,bytes_moved,scores,operators
"""


def lines(variants: Sequence[str]) -> Iterator[str]:
    """Yield a line for each variant and precision, converted in a temporary folder."""
    from edge_edet.converters import convert

    with scratch_folder() as folder:
        converted = convert(
            variants,
            PRECISIONS,
            output=folder,
            weights="random",
            num_classes=CLASSES,
            formats="tflite",
        )
        for file in converted.files:
            work = read_features(file.path)
            scores = VARIANTS[file.variant].num_anchors * CLASSES
            counts = (
                work.multiply_adds[file.precision],
                work.bytes_moved[file.precision],
                scores,
                work.operators,
            )
            yield ",".join([file.variant, file.precision, *map(str, counts)])


def main(argv: Sequence[str]) -> int:
    """Write the file that is named; return the exit status."""
    if len(argv) != 1:
        print("usage: python -m edge_edet.studies.lite_work FILE", file=sys.stderr)
        return 2
    rows = lines([name for name in VARIANTS if name.startswith("lite")])
    Path(argv[0]).write_text(HEADER + "".join(f"{row}\n" for row in rows), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
