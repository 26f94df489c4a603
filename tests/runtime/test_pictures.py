"""Which files of a folder are its pictures, whatever else lies there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge_edet import ImageError, InputError
from edge_edet.pictures.folder import SUFFIXES, find_given, pictures_in
from edge_edet.pictures.log import PictureLog, usable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, two below, and what systems leave beside them."""
    folder = tmp_path / "pictures"
    for name in (
        "b.png",
        "a.JPG",
        "c.tiff",
        "deep/d.png",
        "deep/er/e.jpeg",
        "._b.png",
        ".hidden.jpg",
        "notes.txt",
        "Thumbs.db",
        ".DS_Store",
        "desktop.ini",
        "__MACOSX/._b.png",
        "__MACOSX/b.png",
        "@eaDir/b.png/SYNOPHOTO_THUMB_M.jpg",
        ".thumbnails/b.png",
        "deep/._d.png",
        "deep/.cache/x.png",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    (folder / "folder.jpg").mkdir()
    return folder


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_hidden_files_and_what_systems_leave_are_no_pictures(folder: Path) -> None:
    assert names(pictures_in(folder)) == ["a.JPG", "b.png", "c.tiff", "d.png", "e.jpeg"]


def test_a_folder_below_may_be_left_out_the_folder_itself_not(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "deep")
    upper = ["a.JPG", "b.png", "c.tiff"]
    assert names(pictures_in(folder, without=folder / "deep")) == upper
    assert names(find_given([folder], without=folder / "link").paths) == upper
    assert names(pictures_in(folder, without=folder)) == [*upper, "d.png", "e.jpeg"]


def test_a_hidden_folder_that_is_given_is_looked_into(folder: Path) -> None:
    assert names(pictures_in(folder / ".thumbnails")) == ["b.png"]


def test_pipes_are_no_pictures_and_links_that_lead_nowhere_are_bad_ones(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    (folder / "lost.png").symlink_to(folder / "nowhere.png")
    (folder / "link.png").symlink_to(folder / "b.png")
    found = names(pictures_in(folder))
    assert found == ["a.JPG", "b.png", "c.tiff", "d.png", "e.jpeg", "link.png", "lost.png"]


def test_files_folders_and_patterns_each_once(folder: Path) -> None:
    given = [
        str(folder / "b.png"),
        str(folder),
        str(folder / "*.JPG"),
        str(folder / "**" / "*.png"),
    ]
    found = find_given(given)
    assert names(found.paths) == ["b.png", "a.JPG", "c.tiff", "d.png", "e.jpeg"]
    assert [found[path] for path in found] == [True, True, False, True, False]  # named, or matched


def test_a_hidden_file_that_is_named_is_taken_by_its_word(folder: Path) -> None:
    assert names(find_given([folder / "._b.png"]).paths) == ["._b.png"]


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ((), "looked for .jpg"),
        (("a.txt", "._a.jpg"), "looked for .jpg"),
        (("a.HEIC", "b.heic", "c.mp4"), "2 .heic, 1 .mp4 are not read: save them as JPEG or PNG"),
    ],
)
def test_folders_without_pictures_say_what_is_there(
    files: tuple[str, ...], advice: str, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"no pictures in folder '.*': looked for") as error:
        find_given([tmp_path])
    assert advice in str(error.value)


def test_patterns_without_matches_and_addresses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file matches"):
        find_given([str(tmp_path / "*.jpg")])
    with pytest.raises(ImageError, match="'rtsp://cam/1' is a stream"):
        find_given(["rtsp://cam/1"])


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("an address was not found")


def _torn(path: Path) -> None:
    Image.effect_noise((64, 64), 90).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:900])


def _lost(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


@pytest.mark.parametrize("spoil", [_nothing, _text, _torn, _lost])
def test_a_bad_picture_is_left_out_counted_and_named(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    for name in ("a.png", "c.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    Image.new("RGB", (8, 8)).save(tmp_path / "d.png", "JPEG")  # a wrong name is no fault
    spoil(tmp_path / "b.png")
    log = PictureLog()
    good = usable(pictures_in(tmp_path), None, log, strict=False)
    assert names(good) == ["a.png", "c.png", "d.png"]
    [line] = log.lines()
    assert line.startswith("1 picture left out as unreadable: ")
    assert "b.png" in line
    assert list(log.notes().values()) == [1]
    with pytest.raises(ImageError, match=r"b\.png"):
        usable(pictures_in(tmp_path), None, PictureLog(), strict=True)


def test_many_bad_pictures_are_one_note(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(b"")
    Image.new("RGB", (8, 8)).save(tmp_path / "good.png")
    log = PictureLog()
    usable(pictures_in(tmp_path), None, log, strict=False)
    [line] = log.lines()
    assert line.startswith("6 pictures left out as unreadable: ")
    assert line.endswith("then '1.png', '2.png' and 3 more")
    (tmp_path / "good.png").unlink()
    with pytest.raises(ImageError, match="none of the 6 pictures can be read; the first: "):
        usable(pictures_in(tmp_path), None, PictureLog(), strict=False)


def test_suffixes_are_written_once_in_lower_case() -> None:
    assert len(set(SUFFIXES)) == len(SUFFIXES)
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in SUFFIXES)
