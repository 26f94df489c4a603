"""Label files as tools write them. The kinds are named at the cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_edet import InputError, ModelFileError
from edge_edet.labels.file import LabelFile, parse_label_text, read_label_file

ABC = ("a", "b", "c")


def coral_lines() -> str:
    """As google-coral/test_data's coco_labels.txt: 80 lines, indices 0 to 89 with gaps."""
    from edge_edet.labels.coco import COCO_LABELS

    return "\n".join(f"{i}  {name}" for i, name in enumerate(COCO_LABELS) if name)


@pytest.mark.parametrize(
    ("text", "num_classes", "expected"),
    [
        ("a\nb\nc\n", 3, ABC),
        ("\ufeffa\r\n???\r\nc \n\n", 3, ("a", None, "c")),
        ("0 a\n1 b\n2 c\n", 3, ABC),  # Frigate
        ("0  a\n1  b\n2  c", 3, ABC),  # Coral
        ("0\ta\n1\tb\n2\tc", 3, ABC),
        ("0: a\n1: b\n2: c", 3, ABC),
        ("a,0\nb,1\nc,2\n", 3, ABC),  # keras-retinanet's class files
        ("b: 1\na: 0\nc: 2\n", 3, ABC),
        ("a 0\nb 1\nc 2\n", 3, ("a 0", "b 1", "c 2")),  # names with numbers
        ("a,0\nb,1\nc,7\n", 3, ("a,0", "b,1", "c,7")),
        ("0:a\n1:b\n2:c", 3, ABC),
        ("0,a\n1,b\n2,c", 3, ABC),
        ("0 - a\n1 - b\n2 - c", 3, ABC),
        ("0. a\n1. b\n2. c", 3, ABC),
        ("0: 'a',\n1: 'b',\n2: 'c'", 3, ABC),
        ("2 c\n0 a\n1 b", 3, ABC),
        ("0 a\n\n2 c\n", 4, ("a", None, "c", None)),
        ("0 a\n1 ???\n2 c\n", 3, ("a", None, "c")),
        ("0 a\n1\n2 c\n", 3, ("a", None, "c")),
        ("0 traffic light\n3 7up\n", 4, ("traffic light", None, None, "7up")),
        ("0 a\n2 c\n", None, ("a", None, "c")),
        ("0 person\n1 car\n2 car\n", 3, ("person", "car", "car")),  # Frigate: trucks are cars
        ("1 person\n2 car\n3 car\n", 3, ("person", "car", "car")),
        # One-based: index 3 is no class of 0 to 2.
        ("1 a\n2 b\n3 c\n", 3, ABC),
        ("1 a\n3 c\n", 3, ("a", None, "c")),
        ("0 background\n1 a\n2 b\n3 c\n", 3, ABC),
        ("0 ???\n1 a\n2 b\n3 c\n", 3, ABC),
        ("0 background\n1 a\n2 b\n", 3, ("background", "a", "b")),  # the background is a class
        ("1 b\n2 c\n", 3, (None, "b", "c")),
        # The background in front, one line more than there are classes.
        ("???\na\nb\nc\n", 3, ABC),  # TensorFlow's labelmap.txt
        ("background\na\nb\nc\n", 3, ABC),  # AutoML's dict.txt
        ("???\na\nb\n", 3, (None, "a", "b")),
        # Names that begin with a number stay whole.
        ("7up\n1 litre bottle\nwater", 3, ("7up", "1 litre bottle", "water")),
        ("1 litre bottle\n1 kg sugar", 2, ("1 litre bottle", "1 kg sugar")),
        ("5 euro\n10 euro\n", 2, ("5 euro", "10 euro")),
        ("7 up", 1, ("7 up",)),
        ("0\n1\n2\n", 3, ("0", "1", "2")),  # digits are the names
        ("3-wheeler\n4-wheeler", 2, ("3-wheeler", "4-wheeler")),
    ],
)
def test_labels_by_class(text: str, num_classes: int | None, expected: tuple[str, ...]) -> None:
    assert parse_label_text(text, "labels", num_classes).names == expected


def test_corals_gaps_are_unused_classes() -> None:
    from edge_edet.labels.coco import COCO_LABELS

    assert parse_label_text(coral_lines(), "labels", 90).names == COCO_LABELS


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("a\nb\nc", None),
        ("0 a\n1 b\n2 c", "each line has its index, such as '0 a'"),
        ("1 b\n2 c", "class 0 is unused"),
        ("1 a\n2 b\n3 c", "index 1 is class 0"),
        ("???\na\nb\nc", r"first line '\?\?\?' is the background"),
        ("0 a\n1 b\nc", "'0 a' is a whole name"),
    ],
)
def test_what_is_read_otherwise_is_said(text: str, note: str | None) -> None:
    found = parse_label_text(text, "labels", 3).note
    if note is None:
        assert found is None
    else:
        import re

        assert found is not None
        assert re.search(note, found)


PBTXT = """
# comment
item {
  name: "/m/01g317"
  id: 1
  display_name: "person"
}
item { id: 3, name: 'caf\\303\\251 ' "au lait" }
item: <
  name: 'it\\'s' id: 4
  keypoints { id: 7 label: "nose" }
>
"""


def test_label_map_of_the_object_detection_api() -> None:
    found = parse_label_text(PBTXT, "labels", 5)
    assert found == LabelFile(("person", None, "café au lait", "it's", None), "id 1 is class 0")
    assert parse_label_text(PBTXT, "labels").names == found.names[:4]


def test_label_maps_as_others_write_them() -> None:
    """Roboflow's commas, no spaces, and the fields that are lists (LVIS)."""
    texts = [
        'item {\n    name: "fish",\n    id: 1,\n    display_name: "fish"\n}',
        "item{\nid:1\nname:'fish'\n}",
        "item\n{\n  id: 1\n  name: 'fish'\n}",
        "item { ancestor_ids: 4 ancestor_ids: 5 frequency: RARE name: 'fi' 'sh' id: 1 }",
        "# made by hand\n\nitem { id: 1 name: 'x' display_name: 'fish' } # one",
    ]
    for text in texts:
        assert parse_label_text(text, "labels", 1).names == ("fish",), text


def test_background_of_a_label_map_is_left_out() -> None:
    text = "item { id: 0 name: 'background' }\nitem { id: 1 name: 'a' }"
    assert parse_label_text(text, "labels", 1).names == ("a",)


@pytest.mark.parametrize(
    ("text", "num_classes", "message"),
    [
        ("\n\n", None, "has 0 labels, expected 1 to"),
        ("a\0b", None, "zero byte"),
        ("0 a\n1 b\n4 c", 3, "indices from 0 to 4, but the model has 3 classes, 0 to 2"),
        ("1 a\n2 b\n", 90, "indices from 1 to 2, and the model has 90 classes: it does not say"),
        ("1 litre bottle\n2 litre bottle", 2, "'litre bottle' is there twice"),
        ('{"0": "a"}', None, "one name a line"),
        ('["a", "b"]', None, "one name a line"),
        ("names:\n  0: a\n  1: b", None, "one name a line"),
        ("path: x\nnames:\n- a", None, "one name a line"),
        ("# data\nnames: [a, b]", None, "one name a line"),
        ("<?xml version='1.0'?>\n<a/>", None, "one name a line"),
        ("item { id: 1 }", None, "item 1 has id '1' and name 'none'"),
        ("item { name: 'a' }", None, "item 1 has id 'none' and name 'a'"),
        ("item { id: 1 name: 'a' } item { id: 1 name: 'b' }", None, "id 1 is there twice"),
        ("item { id: 0 name: 'a' }", None, "ids begin with 1"),
        ("item { id: 4 name: 'a' }", 3, "id 4, but the model has 3 classes"),
        ("item { id: 1 name: 'a'", None, "ends within an item"),
        ("item { id: 1 name: 'a' } }", None, "never opened"),
        ("item { id: 1 name: 'a }", None, "line 1 is no label map"),
        ("item {}", None, "item 1 has id 'none'"),
        ("item { id: 1 name: '\\377' }", None, "no UTF-8"),
        ("item { id: 1 name: 'a' } other { id: 2 }", None, "expected 'item', found 'other'"),
    ],
)
def test_refused_in_one_line(text: str, num_classes: int | None, message: str) -> None:
    with pytest.raises(ModelFileError, match=message) as error:
        parse_label_text(text, "label file 'x.txt'", num_classes)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("label file 'x.txt'")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "cannot read labels from .*No such file"),
        ("a\nb".encode("utf-16"), "byte 0 is not UTF-8"),
        (
            b"x" * (2**22 + 1),
            "it has 4,194,305 bytes, at most 4,194,304 are read: a label has a name",
        ),
    ],
)
def test_unreadable_files(data: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_label_file(path)
    with pytest.raises(InputError, match="cannot read"):
        read_label_file(tmp_path)
