"""How many objects of the float model does the INT8 model find too? compare_int8.py INT8 FLOAT PICTURE...

`edge-edet compare-float` gives a verdict with an interval; this only counts.
"""

import sys

import numpy as np

import edge_edet


def iou(box, boxes):
    """IoU of one box with each of boxes [n, 4], all xmin ymin xmax ymax."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = [np.prod(b[..., 2:] - b[..., :2], axis=-1) for b in (box, boxes)]
    return shared / (areas[0] + areas[1] - shared)


int8_model, float_model, *pictures = sys.argv[1:]
lower = edge_edet.PostprocessConfig(score_threshold=0.2)
kept = wanted = 0
with edge_edet.load(int8_model) as int8, edge_edet.load(float_model) as float32:
    for picture in pictures:
        expected = float32.detect(picture)  # scores of 0.3 and more
        found = int8.detect(picture, config=lower)  # scores move a little, too
        for box, class_id in zip(expected.boxes, expected.classes, strict=True):
            same = found[found.classes == class_id]
            kept += bool((iou(box, same.boxes) > 0.75).any())
        wanted += len(expected)
print(f"{kept} of {wanted} objects are found again")
