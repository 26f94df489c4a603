"""Pascal VOC as LabelImg, CVAT, Datumaro, Roboflow and Chinese and Japanese tools leave it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet.benchmarks.accuracy.datasets import Dataset, load_dataset
from edge_edet.errors import InputError

Draw = Callable[..., None]
XML = """<annotation><folder>{folder}</folder><filename>{filename}</filename>
<size><width>64</width><height>48</height></size>
<object><name>{name}</name><bndbox><xmin>4.5</xmin><ymin>4</ymin><xmax>34.5</xmax><ymax>34</ymax></bndbox>
</object></annotation>"""
ENCODING = ".xml files that are not in the encoding that they declare"


def _xml(filename: str = "", name: str = "dog", folder: str = "x") -> str:
    return XML.format(filename=filename, name=name, folder=folder)


def _put(annotations: Path, images: Path, stem: str, draw: Draw, seed: int = 1) -> None:
    draw(images / f"{stem}.png", seed)
    (annotations / f"{stem}.xml").parent.mkdir(parents=True, exist_ok=True)
    (annotations / f"{stem}.xml").write_text(_xml(f"{Path(stem).name}.png"))


def _stems(dataset: Dataset) -> list[str]:
    dataset.check_files()
    assert all(picture.objects.boxes.tolist() == [[4.5, 4, 30, 30]] for picture in dataset.pictures)
    return [picture.path.stem for picture in dataset.pictures]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("a b\na\n", ["a b", "a"]),
        ('"a b"\n', ["a b"]),
        ("a b  1\na -1\n", ["a b", "a"]),
        ('"a b" 0\r\n\r\n', ["a b"]),
        ("a b.png\na.JPG\n", ["a b", "a"]),
        ("a 1\n", ["a 1"]),  # there is one of that whole name
        ("c.d\n", ["c.d"]),
        ('"a b.png" -1\n', ["a b"]),
        ("./JPEGImages/a b.jpg\nC:\\ds\\Annotations\\a.xml\n", ["a b", "a"]),
    ],
)
def test_names_in_lists(lines: str, expected: list[str], tmp_path: Path, draw: Draw) -> None:
    for stem in ("a", "a b", "a 1", "c.d"):
        _put(tmp_path / "Annotations", tmp_path / "JPEGImages", stem, draw)
    file = tmp_path / "ImageSets" / "Main" / "val.txt"
    file.parent.mkdir(parents=True)
    file.write_text(lines, newline="")
    (file.parent / "._val.txt").write_bytes(b"\0\5")
    assert _stems(load_dataset(tmp_path, split="val")) == expected
    file.write_text("other/a\n")
    with pytest.raises(InputError, match=r"no '.*Annotations/other/a\.xml', which the split lists"):
        load_dataset(tmp_path, split="val")
    file.write_text("a c\n")
    with pytest.raises(InputError, match=r"no '.*Annotations/a c\.xml', which the split lists"):
        load_dataset(tmp_path, split="val")


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        ("Annotations", "JPEGImages"),
        ("Annotations", "images"),
        ("annotations", "images"),
        ("Annotations", "."),
        ("Annotations", "Annotations"),
        (".", "."),
        ("labels", "data"),  # FiftyOne's VOCDetectionDataset
        ("annots", "images"),
        ("xmls", "images"),
    ],
)
def test_folders(annotations: str, images: str, tmp_path: Path, draw: Draw) -> None:
    folder = tmp_path / "ds"
    for stem in ("b", "a"):
        _put(folder / annotations, folder / images, stem, draw)
        for place in (annotations, images):
            (folder / place / f"._{stem}.xml").write_bytes(b"\0\5\x16\7")
            (folder / place / f"._{stem}.png").write_bytes(b"\0\5\x16\7")
    assert _stems(load_dataset(folder)) == ["a", "b"]
    assert load_dataset(folder).notes == {}
    draw(folder / images / "c.png", 3)
    assert load_dataset(folder).notes == {"pictures without an .xml, left out": 1}


def test_sub_folders(tmp_path: Path, draw: Draw) -> None:
    for stem in ("cam1/a", "cam2/a"):
        _put(tmp_path / "Annotations", tmp_path / "JPEGImages", stem, draw)
    assert _stems(load_dataset(tmp_path)) == ["a", "a"]
    assert load_dataset(tmp_path, split="cam2").pictures[0].path.parent.name == "cam2"
    with pytest.raises(InputError, match=r"has no split 'cam3': there is no ImageSets/Main"):
        load_dataset(tmp_path, split="cam3")


def test_folders_of_splits_are_not_put_together(tmp_path: Path, draw: Draw) -> None:
    for stem in ("train/a", "val/b"):
        _put(tmp_path / "Annotations", tmp_path / "JPEGImages", stem, draw)
    assert _stems(load_dataset(tmp_path, split="val")) == ["b"]
    with pytest.raises(InputError, match="has the splits train, val: choose one with --split"):
        load_dataset(tmp_path)


def test_roboflow_has_a_folder_for_each_split(tmp_path: Path, draw: Draw) -> None:
    for split in ("train", "valid"):
        _put(tmp_path / split, tmp_path / split, f"{split}_png.rf.0a1b", draw)
    assert _stems(load_dataset(tmp_path, split="valid")) == ["valid_png.rf.0a1b"]
    assert _stems(load_dataset(tmp_path, split="val")) == ["valid_png.rf.0a1b"]
    with pytest.raises(InputError, match="has the splits train, valid: choose one with --split"):
        load_dataset(tmp_path)
    with pytest.raises(InputError, match="has no split 'test': known are train, valid"):
        load_dataset(tmp_path, split="test")


def test_which_picture_an_xml_is_of(tmp_path: Path, draw: Draw) -> None:
    """Its own name first, then the one that it states; never a guess between two."""
    _put(tmp_path / "Annotations", tmp_path / "images", "a", draw)
    draw(tmp_path / "images" / "a.jpg", 2)
    assert load_dataset(tmp_path).pictures[0].path.name == "a.png"
    (tmp_path / "Annotations" / "a.xml").write_text(_xml())
    with pytest.raises(InputError, match=r"has 'a\.jpg' and 'a\.png', but one \.xml for both"):
        load_dataset(tmp_path)
    (tmp_path / "images" / "a.jpg").unlink()
    (tmp_path / "Annotations" / "b.xml").write_text(_xml("C:\\x\\a.png"))
    with pytest.raises(InputError, match=r"'a' and 'b' are both labels of '.*a\.png'"):
        load_dataset(tmp_path)
    (tmp_path / "Annotations" / "a.xml").unlink()
    assert _stems(load_dataset(tmp_path)) == ["a"]
    (tmp_path / "Annotations" / "b.xml").write_text(_xml("c.bmp"))
    with pytest.raises(InputError, match=r"1 of 1 pictures are missing, first '.*images/b\.bmp'"):
        load_dataset(tmp_path).check_files()


@pytest.mark.parametrize(
    ("declared", "codec", "text", "as_declared"),
    [
        ("gb2312", "gb2312", "数据", True),
        ("GB2312", "gbk", "鎔數據", True),  # wider than it declares, as Windows writes it
        ("GBK", "gbk", "數據", True),
        ("GB18030", "gb18030", "数据", True),
        ("Shift_JIS", "shift_jis", "データ", True),
        ("shift-jis", "cp932", "①髙", True),
        ("windows-31j", "cp932", "データ", True),
        ("EUC-JP", "euc_jp", "データ", True),
        ("euc-kr", "cp949", "데이터", True),
        ("Big5", "big5", "資料", True),
        ("utf8", "utf-8", "数据", True),
        ("UTF-8", "utf-8-sig", "数据", True),
        ("utf-16", "utf-16", "数据", True),
        ("utf-16", "utf-16-le", "数据", True),
        ("UTF-16", "utf-16-be", "数据", True),
        ("windows-1251", "cp1251", "данные", True),
        ("windows-1252", "cp1252", "Größe", True),
        ("ISO-8859-1", "latin-1", "Größe", True),
        ("ISO-8859-1", "utf-8", "Größe", False),
        ("gb2312", "utf-8", "数据", False),
        ("utf-16", "utf-8", "数据", False),
        ("no-such", "utf-8", "数据", False),
        ("unicode_escape", "utf-8", "数据", False),
        ("hex", "utf-8", "数据", False),
        ("ascii", "utf-8", "数据", False),
    ],
)
def test_encodings(
    declared: str, codec: str, text: str, as_declared: bool, tmp_path: Path, draw: Draw
) -> None:
    _put(tmp_path / "Annotations", tmp_path / "JPEGImages", "a", draw)
    xml = f'<?xml version="1.0" encoding="{declared}"?>\n' + _xml("a.png", text, text)
    (tmp_path / "Annotations" / "a.xml").write_bytes(xml.encode(codec))
    dataset = load_dataset(tmp_path)
    assert [category.name for category in dataset.categories] == [text]
    assert dataset.notes == ({} if as_declared else {ENCODING: 1})


def test_text_in_no_encoding_matters_only_in_names(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "Annotations", tmp_path / "JPEGImages", "a", draw)
    file = tmp_path / "Annotations" / "a.xml"
    file.write_bytes(_xml("a.png", "dog", "数据").encode("gbk"))
    dataset = load_dataset(tmp_path)
    assert _stems(dataset) == ["a"]
    assert dataset.notes == {ENCODING: 1}
    file.write_bytes(_xml("a.png", "数据").encode("gbk"))
    with pytest.raises(InputError, match="is not in the encoding that the file declares: save it"):
        load_dataset(tmp_path)


def test_entities_do_not_hide_in_another_encoding(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "Annotations", tmp_path / "JPEGImages", "a", draw)
    text = '<!DOCTYPE a [<!ENTITY b "c">]>' + _xml("a.png")
    (tmp_path / "Annotations" / "a.xml").write_bytes(text.encode("utf-16"))
    with pytest.raises(InputError, match="declares entities"):
        load_dataset(tmp_path)


def test_boxes_that_are_not_upright(tmp_path: Path, draw: Draw) -> None:
    _put(tmp_path / "Annotations", tmp_path / "JPEGImages", "a", draw)
    file = tmp_path / "Annotations" / "a.xml"
    turned = (
        "<attributes><attribute><name>rotation</name><value>30.0</value></attribute></attributes>"
    )
    file.write_text(_xml("a.png").replace("</name><bndbox>", f"</name>{turned}<bndbox>"))
    assert load_dataset(tmp_path).notes == {
        "objects with a rotation, of which the unrotated box is used": 1
    }
    file.write_text(_xml("a.png").replace("bndbox", "robndbox"))
    with pytest.raises(
        InputError, match="'dog' has no <bndbox>, only <name>, <robndbox>: give upr"
    ):
        load_dataset(tmp_path)
