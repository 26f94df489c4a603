"""JSON Lines files of every kind are appended to, locked and repaired by one rule."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edge_edet.errors import InputError
from edge_edet.files import JsonLinesFile, Limit, LineFormat, read_json_lines

FORM = LineFormat("file of tests", "a test", (b'{"n":',), "test", "-o", Limit(1000, "it is short"))


def numbers(path: Path) -> list[int]:
    return [document["n"] for _, document in read_json_lines(path, FORM, str(path))]


@pytest.mark.parametrize(
    "torn",
    [b"", b"{", b'{"n":', b'{"n":2', b'{"n":2}', b"\0\0\0", b'{"n"\0\0'],
)
def test_a_torn_last_line_is_skipped_and_then_cut_off(torn: bytes, tmp_path: Path) -> None:
    path = tmp_path / "new" / "lines.jsonl"
    with JsonLinesFile.open(path, FORM) as file:
        file.add({"n": 1})
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert numbers(path) == [1]
    with JsonLinesFile.open(path, FORM) as file:
        assert [document for _, document in file.documents()] == [{"n": 1}]
        assert path.read_bytes() == whole + torn, "nothing is written before a line is added"
        file.add({"n": 3}, durable=False)
        file.add({"n": 4})
        assert [document["n"] for _, document in file.documents()] == [1, 3, 4]
    assert numbers(path) == [1, 3, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text without an end", "is no file of tests: it ends in b'text without an end'"),
        (b'{"n":1}\n{"m":', "is no file of tests: it ends in"),
        (b'{"n":1}\ntext\n', r"lines.jsonl, line 2: expected a test as JSON, but found b'text'$"),
        (b'{"n":1}\n\0\0\n', "line 2: expected a test as JSON"),
        (b'{"n":\xff}\n', "line 1: expected a test as JSON"),
        (b'{"n":' + b"9" * 5000 + b"}\n", "bytes"),
    ],
)
def test_other_damage_is_refused_and_stays(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        numbers(path)
    with pytest.raises(InputError, match=message), JsonLinesFile.open(path, FORM) as file:
        list(file.documents())
    assert path.read_bytes() == content


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    with (
        JsonLinesFile.open(path, FORM),
        pytest.raises(InputError, match="in use by another test: wait for it, or give another -o"),
        JsonLinesFile.open(path, FORM),
    ):
        pass


def test_file_systems_without_locks_are_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("edge_edet.files.locks.fcntl.flock", none)
    with JsonLinesFile.open(tmp_path / "lines.jsonl", FORM) as file:
        file.add({"n": 1})
    assert numbers(tmp_path / "lines.jsonl") == [1]
