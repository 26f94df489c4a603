"""YAML within limits: what PyYAML would let pass or answer with a traceback is one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge_edet.errors import InputError, MissingExtraError
from edge_edet.files.yaml import LIMIT, read_yaml

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 9)
)


def _file(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "x.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_values_and_texts(tmp_path: Path) -> None:
    text = "nc: 3\nnames: [no, 1.10, dog]\nnothing:\nsame: &s {a: 1}\nother: *s\n"
    path = _file(tmp_path, text)
    assert read_yaml(path, "x.yaml") == {
        "nc": 3,
        "names": [False, 1.1, "dog"],
        "nothing": None,
        "same": {"a": 1},
        "other": {"a": 1},
    }
    assert read_yaml(path, "x.yaml", as_text=True) == {
        "nc": "3",
        "names": ["no", "1.10", "dog"],
        "nothing": "",
        "same": {"a": "1"},
        "other": {"a": "1"},
    }
    assert read_yaml(_file(tmp_path, ""), "x.yaml") is None
    assert read_yaml(_file(tmp_path, "\ufeffa: ä".encode("utf-16")), "x.yaml") == {"a": "ä"}
    assert read_yaml(_file(tmp_path, b"\xef\xbb\xbfa: b"), "x.yaml") == {"a": "b"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LAUGHS, "more than 200,000 values, with its aliases"),
        (MERGES, "more than 200,000 values, with its aliases"),
        ("a: &a [1, *a]", "an alias of a value that contains it, at line 1"),
        ("a: 1\nb: 2\na: 3", "has the key 'a' twice, the second time at line 3"),
        ("a: b: c", "not valid YAML: mapping values are not allowed here, line 1"),
        ('p: "C:\\Users"', "expected escape sequence of 8 hexadecimal numbers"),
        ("a:\n\t- b", "cannot start any token, line 2"),
        ("a: *b", "found undefined alias 'b', line 1"),
        ("--- 1\n--- 2", "but found another document, line 2"),
        ("!!python/object/apply:os.system [id]", "could not determine a constructor for the tag"),
        ("[" * 50_000, "nested too deeply"),
        ("d: 2024-99-99", "has a value that cannot be read: month must be in 1..12"),
        ("? [a]\n: b", "found unhashable key, line 1"),
        (b"a: \xff\xfe\xfa", "is not UTF-8 text: save it as UTF-8"),
        (b"a: \x00", "special characters are not allowed"),
        (b"#" * (LIMIT.size_bytes + 1), "at most 1,048,576 are read: a data.yaml or a project"),
    ],
)
def test_what_is_refused(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.yaml") as caught:
        read_yaml(_file(tmp_path, content), "'x.yaml'")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read 'no': No such file"):
        read_yaml(tmp_path / "no", "'no'")
    with pytest.raises(
        InputError, match="cannot read 'f': it is a folder, expected a regular file"
    ):
        read_yaml(tmp_path, "'f'")


def test_without_pyyaml_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtraError, match=r"PyYAML: pip install 'edge-edet\[convert\]'"):
        read_yaml(_file(tmp_path, "a: b"), "x.yaml", extra="convert")
