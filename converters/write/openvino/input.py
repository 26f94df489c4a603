"""A float32 input for an OpenVINO model that was built for uint8."""

from __future__ import annotations

from typing import Any

import openvino as ov
from openvino import opset13 as op

__all__ = ["with_float_input"]

LARGEST = 255.0


def with_float_input(model: Any, *, whole_levels: bool) -> Any:
    """Return the model with its one input as float32, of the same values and name.

    whole_levels: they are rounded and cut off to the 8 bits that integer convolutions read; else
    they go on as they are.
    """
    (image,) = model.get_parameters()
    name = image.get_friendly_name()
    floating = op.parameter(image.output(0).get_shape(), ov.Type.f32)
    floating.set_friendly_name(name)
    floating.output(0).get_tensor().set_names(image.output(0).get_tensor().get_names())
    if whole_levels:
        steps = _named(op.clamp(floating, 0.0, LARGEST), f"{name}/clamped")
        steps = _named(op.round(steps, "half_to_even"), f"{name}/rounded")
        levels = _named(op.convert(steps, "u8"), f"{name}/levels")
        for reader in image.output(0).get_target_inputs():
            reader.replace_source_output(levels.output(0))
    else:
        for reader in image.output(0).get_target_inputs():
            widened = reader.get_node()
            assert widened.get_type_name() == "Convert"
            for after in widened.output(0).get_target_inputs():
                after.replace_source_output(floating.output(0))
    results = model.get_results()
    return ov.Model(results, [floating], model.get_friendly_name())


def _named(made: Any, name: str) -> Any:
    made.set_friendly_name(name)
    return made
