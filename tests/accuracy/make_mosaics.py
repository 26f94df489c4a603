"""Puts labelled pictures together, 3 by 3, into large ones in which objects are small (docs/how-to/tiles.md).

    python tests/accuracy/make_mosaics.py ../shared/data/bccd build/mosaics --split test

writes build/mosaics/images and build/mosaics/labels.json in COCO's format.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image

from edge_edet.benchmarks.accuracy.datasets import load_dataset

SIDE = 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--split")
    args = parser.parse_args()
    dataset = load_dataset(args.data, split=args.split)
    (args.output / "images").mkdir(parents=True)
    images, annotations = [], []
    pictures = list(dataset.pictures)
    for number in range(len(pictures) // SIDE**2):
        some = pictures[number * SIDE**2 : (number + 1) * SIDE**2]
        opened = [Image.open(one.path).convert("RGB") for one in some]
        width, height = (max(one.size[axis] for one in opened) for axis in (0, 1))
        large = Image.new("RGB", (SIDE * width, SIDE * height))
        for place, (picture, image) in enumerate(zip(some, opened, strict=True)):
            x, y = width * (place % SIDE), height * (place // SIDE)
            large.paste(image, (x, y))
            objects = picture.objects
            for box, category in zip(
                objects.boxes.tolist(), objects.categories.tolist(), strict=True
            ):
                left, top, wide, high = box
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number + 1,
                        "category_id": category,
                        "iscrowd": 0,
                        "bbox": [left + x, top + y, wide, high],
                        "area": wide * high,
                    }
                )
        name = f"{number + 1}.png"
        large.save(args.output / "images" / name)
        size = {"width": large.width, "height": large.height}
        images.append({"id": number + 1, "file_name": name, **size})
    categories = [{"id": one.id, "name": one.name} for one in dataset.categories]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (args.output / "labels.json").write_text(json.dumps(document))
    print(f"{len(images)} pictures with {len(annotations)} objects")


if __name__ == "__main__":
    main()
