"""`edge-edet report` as people run it: the files, and what bad input is told."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edge_edet.benchmarks.analysis.options import Options
from edge_edet.benchmarks.report.figures.figure import Figure
from edge_edet.benchmarks.report.text_limits import cut_texts
from edge_edet.benchmarks.report.write import figure_csv, figures_of
from edge_edet.benchmarks.rows.file import append_rows, dump_row
from edge_edet.benchmarks.rows.schema import BenchmarkRow

Cli = Callable[..., tuple[int, str, str]]
Make = Callable[..., BenchmarkRow]
VAL2017 = "coco/annotations/instances_val2017.json"


def test_one_point_makes_a_report_with_honest_gaps(
    cli: Cli, make_row: Make, tmp_path: Path
) -> None:
    rows, folder = tmp_path / "rows.jsonl", tmp_path / "report"
    append_rows(rows, [make_row("d0", ap=0.335)])
    status, out, _ = cli("report", rows, "-o", folder, "--published", "none", "--json")
    assert status == 0
    document = json.loads(out)
    assert document["page"] == str(folder / "index.html")
    assert {Path(name).suffix for name in document["files"]} == {".html", ".svg", ".png", ".csv"}
    page = (folder / "index.html").read_text("utf-8")
    gaps = re.findall(r"Not drawn\. .*", page)
    assert len(gaps) == 1
    for gap in (
        "AP against GPU latency: COCO val2017: no row has both an AP and GPU latency",
        "Float against INT8: no float32 row has a counterpart of another precision",
        "minute by minute: no long run",
    ):
        assert gap in gaps[0]
    sections = re.findall(r'<section id="([a-z0-9-]+)"><h2>', page)
    assert sections == ["ap-cpu", "ap-flops", "ap-params", "latency-devices", "rows"]
    assert re.findall(r'<a href="#([a-z0-9-]+)">', page) == sections  # the contents
    again = tmp_path / "again"
    cli("report", rows, "-o", again, "--published", "none")
    for path in folder.iterdir():
        assert (
            path.read_bytes() == (again / path.name).read_bytes()
        )  # the same rows, the same bytes


@pytest.mark.parametrize(
    ("parameters", "data", "options", "drawn"),
    [
        (3_880_000, "mine", (), True),
        (3_828_000, "mine", (), False),
        (3_828_000, VAL2017, (), True),
        (3_828_000, "mine", ("--published", "v7"), True),
        (3_880_000, "mine", ("--published", "none"), False),
    ],
    ids=["90 classes", "3 classes", "evaluated on COCO", "asked for", "asked not to"],
)
def test_curves_of_coco_are_there_for_models_of_coco(
    cli: Cli,
    make_row: Make,
    tmp_path: Path,
    parameters: int,
    data: str,
    options: tuple[str, ...],
    drawn: bool,
) -> None:
    row = make_row("d0", ap=0.335, data=data)
    model = dataclasses.replace(row.model, parameters=parameters)
    append_rows(tmp_path / "rows.jsonl", [dataclasses.replace(row, model=model)])
    status, _, _ = cli("report", tmp_path / "rows.jsonl", "-o", tmp_path / "out", *options)
    assert status == 0
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert ("EfficientDet, published: v7" in page) == drawn


def test_names_of_files_cannot_break_the_page(cli: Cli, make_row: Make, tmp_path: Path) -> None:
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(2)>.tflite"
    row = json.loads(dump_row(make_row(None, ap=0.335)))
    row["model"]["file"] = bad
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    status, _, _ = cli(
        "report", tmp_path / "rows.jsonl", "-o", tmp_path / "out", "--published", "none"
    )
    assert status == 0
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert page.count("<script") == 2
    assert "<img" not in page


@pytest.mark.filterwarnings("error::UserWarning")
def test_long_texts_are_cut_with_a_mark(cli: Cli, make_row: Make, tmp_path: Path) -> None:
    """A name of a megabyte must not stand in every label and cell."""
    row = make_row(ms=80.0, ap=0.3)
    long = dataclasses.replace(
        row,
        model=dataclasses.replace(row.model, file="n" * 300_000),
        device=dataclasses.replace(row.device, name="d" * 300_000),
    )
    sizes = []
    for name, one in (("short", row), ("long", long)):
        append_rows(tmp_path / f"{name}.jsonl", [one])
        assert cli("report", tmp_path / f"{name}.jsonl", "-o", tmp_path / name)[0] == 0
        sizes.append(sum(path.stat().st_size for path in (tmp_path / name).iterdir()))
    assert sizes[1] < 2 * sizes[0]
    page = (tmp_path / "long" / "index.html").read_text("utf-8")
    assert "n" * 197 + "..." in page
    assert "n" * 198 not in page
    assert cut_texts(row) is row


def test_names_that_the_font_lacks_are_no_warning(cli: Cli, make_row: Make, tmp_path: Path) -> None:
    row = json.loads(dump_row(make_row(None, ap=0.335)))
    row["model"]["file"] = "細胞.tflite"
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    status, out, err = cli(
        "report", tmp_path / "rows.jsonl", "-o", tmp_path / "a b", "--published", "none"
    )
    assert (status, "細胞" in (tmp_path / "a b" / "index.html").read_text("utf-8")) == (0, True)
    assert "1 row, " in out
    assert "Glyph" not in err


def spoiled(make_row: Make, **changes: object) -> str:
    return json.dumps(json.loads(dump_row(make_row("d0", ap=0.3))) | changes)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda make: "", "no rows in"),
        (lambda make: "{}\n", "schema_version must be 1, but is None"),
        (
            lambda make: f"{dump_row(make())}\n{spoiled(make, schema_version=2)}\n",
            "line 2: schema_version",
        ),
        (
            lambda make: spoiled(make, load_ms=float("nan")) + "\n",
            "'load_ms' must be a number, but is nan",
        ),
        (
            lambda make: spoiled(make, samples_ms={"inference": [1.0, float("inf")]}) + "\n",
            "is inf",
        ),
        (lambda make: "model,ms\nd0,80\n", "expected a row as JSON"),
    ],
    ids=["empty", "no row", "mixed schema", "NaN", "infinite", "another format"],
)
def test_files_that_are_no_rows_are_one_line(
    cli: Cli, make_row: Make, tmp_path: Path, content: Callable[[Make], str], said: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content(make_row), "utf-8")
    status, out, err = cli("report", path, "-o", tmp_path / "out")
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--published", "v8"], "unknown --published source 'v8'"),
        (["--published-split", "val"], "unknown --published-split 'val'"),
        (["--published", "none", "--published-ap"], "--published-ap needs a source"),
        (["--stage", "decode"], "--stage must be inference or end_to_end, but got 'decode'"),
        (["-o", "rows.jsonl"], "is a file: give -o a folder"),
    ],
)
def test_options_that_make_no_sense(
    cli: Cli,
    make_row: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    append_rows(Path("rows.jsonl"), [make_row("d0", ap=0.3)])
    status, _, err = cli("report", "rows.jsonl", *options)
    assert status == 2
    assert said in err


def test_the_csv_has_what_is_drawn(sweep: Sequence[BenchmarkRow]) -> None:
    figures: dict[str, Figure] = {one.name: one for one in figures_of(sweep, Options(None))}
    lines = list(csv.DictReader(figure_csv(figures["ap-cpu"]).splitlines()))
    assert len(lines) == 10  # eight measured, two estimated with the AP of the same files
    first = lines[0]
    assert float(first["x_low"]) < float(first["x"]) < float(first["x_high"])
    assert (first["x_axis"], first["x_how"]) == ("CPU latency, inference, ms", "measured")
    assert first["row_key"] in {row.key for row in sweep}
    minutes = list(csv.DictReader(figure_csv(figures["sustained"]).splitlines()))
    assert minutes[2]["y"] == ""  # nothing was done in it
    places = list(csv.DictReader(figure_csv(figures["latency-devices"]).splitlines()))
    assert {line["how"] for line in places} == {"measured", "estimated"}


def test_a_page_and_figures_of_others_stay(cli: Cli, make_row: Make, tmp_path: Path) -> None:
    """Refused before the first file is written; its own are replaced."""
    rows, folder = tmp_path / "rows.jsonl", tmp_path / "site"
    append_rows(rows, [make_row("d0", ap=0.335)])
    command = ("report", rows, "-o", folder, "--published", "none")
    assert cli(*command)[0] == 0
    assert cli(*command)[0] == 0
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    for suffix in (".html", ".svg", ".png", ".csv"):
        name = next(one for one in written if one.endswith(suffix))
        (folder / name).write_bytes(b"mine")
        status, _, told = cli(*command)
        assert status == 2
        assert f"{name}' is there and is not a " in told
        now = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert now == written | {name: b"mine"}
        assert cli(*command, "--overwrite")[0] == 0
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == written
    given = folder / next(one for one in written if one.endswith(".csv"))
    rows.replace(given)  # rows under the name of a figure
    status, _, told = cli("report", given, *command[2:], "--overwrite")
    assert (status, "is an input of this command" in told) == (2, True)
    assert given.read_bytes().startswith(b'{"schema_version":')


def test_hostile_names_leave_the_figures_xml_and_the_cells_no_formulas(
    cli: Cli, make_row: Make, tmp_path: Path
) -> None:
    row = json.loads(dump_row(make_row(None, ap=0.335)))
    row["model"]["file"] = "=cmd|' /C calc'!A0 \x1b[2J\x9b\ufffe$\\frac$.tflite"
    row["device"]["name"] = "@SUM(A1)\x07"
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    status, out, told = cli(
        "report", tmp_path / "rows.jsonl", "-o", tmp_path / "out", "--published", "none"
    )
    assert (status, "\x1b" in out + told) == (0, False)
    for path in (tmp_path / "out").iterdir():
        data = path.read_bytes()
        assert path.suffix == ".png" or b"\x1b" not in data, path
        if path.suffix == ".svg":
            ElementTree.fromstring(data)
        if path.suffix == ".csv":
            cells = [cell for line in csv.reader(data.decode().splitlines()) for cell in line]
            assert not [one for one in cells if one.startswith(("=", "+", "@"))]
