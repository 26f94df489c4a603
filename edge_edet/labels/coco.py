"""COCO's class names, with the gaps in its ids, and the name of a class for texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["COCO_LABELS", "class_name", "class_names"]

_COCO = """
person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant - stop_sign
parking_meter bench bird cat dog horse sheep cow elephant bear zebra giraffe - backpack umbrella - -
handbag tie suitcase frisbee skis snowboard sports_ball kite baseball_bat baseball_glove skateboard
surfboard tennis_racket bottle - wine_glass cup fork knife spoon bowl banana apple sandwich orange
broccoli carrot hot_dog pizza donut cake chair couch potted_plant bed - dining_table - - toilet -
tv laptop mouse remote keyboard cell_phone microwave oven toaster sink refrigerator - book clock
vase scissors teddy_bear hair_drier toothbrush
"""

# Class i is COCO's category id i + 1; None where COCO uses no such id (80 of 90 are used).
# Source: cocodataset.org, instances_val2017.json `categories`.
COCO_LABELS: tuple[str | None, ...] = tuple(
    None if name == "-" else name.replace("_", " ") for name in _COCO.split()
)


def class_name(labels: Sequence[str | None], class_id: int) -> str:
    """Return the name of a class, `class 11` where it has none."""
    name = labels[class_id] if 0 <= class_id < len(labels) else None
    return name if name is not None else f"class {class_id}"


def class_names(labels: Sequence[str | None], class_ids: Iterable[int]) -> tuple[str, ...]:
    """Return the names of classes, as `class_name` gives them.

    Parameters
    ----------
    labels
        Name of each class; None: it has none.
    class_ids
        Numbers of classes.

    Returns
    -------
    tuple[str, ...]
        A name for each number.
    """
    return tuple(class_name(labels, class_id) for class_id in class_ids)
