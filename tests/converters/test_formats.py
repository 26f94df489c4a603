"""Which formats are written, which recipe each takes, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from edge_edet.converters.output_formats import formats_by_precision, parse_formats
from edge_edet.converters.recipes_by_format import RECIPES_OF, choose_recipes
from edge_edet.errors import InputError

BOTH = ("tflite", "openvino")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tflite", ("tflite",)),
        ("openvino,tflite", ("openvino", "tflite")),
        (" onnx , tflite,onnx ,", ("onnx", "tflite")),
    ],
)
def test_formats_are_separated_by_commas(text: str, expected: tuple[str, ...]) -> None:
    assert parse_formats(text) == expected


@pytest.mark.parametrize(("text", "named"), [("tflite,coreml", "coreml"), ("", ""), (",", ",")])
def test_unknown_formats_are_refused(text: str, named: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_formats(text)
    assert str(caught.value) == (
        f"unknown format {named!r}: known are tflite, openvino, onnx; separate several by commas, as "
        "in --to tflite,openvino"
    )


@pytest.mark.parametrize(
    ("precisions", "formats", "options", "expected"),
    [
        (["int8"], None, {}, {"int8": BOTH}),
        (["fp32", "int8-dynamic"], None, {}, {"fp32": BOTH, "int8-dynamic": ("tflite",)}),
        (["fp32"], ["onnx"], {}, {"fp32": ("onnx",)}),
        (
            ["fp32", "int8"],
            ["onnx", "openvino"],
            {},
            {"fp32": ("onnx", "openvino"), "int8": ("openvino",)},
        ),
        (["int8"], None, {"nms": "in-graph"}, {"int8": ("tflite",)}),
        (["fp32"], ["tflite", "onnx"], {"nms": "in-graph"}, {"fp32": ("tflite", "onnx")}),
        (["int8"], None, {"budget": True}, {"int8": BOTH}),
    ],
)
def test_plan(precisions: Any, formats: Any, options: dict[str, Any], expected: Any) -> None:
    assert (
        formats_by_precision(precisions, formats, **{"nms": "none", "budget": False} | options)
        == expected
    )


@pytest.mark.parametrize(
    ("precisions", "formats", "options", "message"),
    [
        (["int8"], ["onnx"], {}, "no ONNX in int8: it is written in fp32"),
        (
            ["int8-dynamic"],
            ["openvino"],
            {},
            "no OpenVINO IR in int8-dynamic: it is written in fp32, fp16, int8",
        ),
        (["int8"], ["tflite", "onnx"], {}, "no ONNX in int8: it is written in fp32"),
        (
            ["int8"],
            ["onnx", "tflite"],
            {"budget": True},
            "ONNX has no search within --max-drop here: that is for tflite, openvino; say --to tflite",
        ),
    ],
)
def test_refusals(precisions: Any, formats: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        formats_by_precision(precisions, formats, **{"nms": "none", "budget": False} | options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "formats", "tflite", "openvino"),
    [
        (None, BOTH, "default", "channelwise"),
        ("mse", BOTH, "mse", "channelwise"),
        ("nncf-mixed", BOTH, "default", "nncf-mixed"),
        ("channelwise-all", ["openvino"], None, "channelwise-all"),
        (None, ["tflite"], "default", None),
    ],
)
def test_a_recipe_belongs_to_one_format(
    name: str | None, formats: Any, tflite: str | None, openvino: str | None
) -> None:
    chosen, usual = choose_recipes(name, formats), choose_recipes(None, ["tflite"]).tflite
    assert usual is not None
    names = [
        recipe and recipe.name for recipe in (chosen.tflite, chosen.channelwise or chosen.nncf)
    ]
    assert names == [usual.name if tflite == "default" else tflite, openvino]


def test_unknown_recipes_are_refused_with_those_of_the_formats() -> None:
    with pytest.raises(InputError) as caught:
        choose_recipes("mse", ["openvino"])
    assert str(caught.value) == (
        "recipe 'mse' is of tflite alone: known are openvino: channelwise, channelwise-fast, "
        "channelwise-exact, channelwise-all, nncf-performance, nncf-mixed"
    )


def test_names_are_those_of_the_recipes_the_default_first() -> None:
    from edge_edet.converters.calibrate import NNCF_RECIPES
    from edge_edet.converters.quantize import CHANNELWISE_RECIPES, DEFAULT_RECIPE, RECIPES

    assert {
        "tflite": tuple(RECIPES),
        "openvino": (*CHANNELWISE_RECIPES, *NNCF_RECIPES),
    } == RECIPES_OF
    assert RECIPES_OF["tflite"][0] == DEFAULT_RECIPE
