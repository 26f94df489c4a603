"""A float32 or int8 input for an OpenVINO model that was built for uint8."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

__all__ = ["with_float_input", "with_int8_input"]

LARGEST = 255.0
INT8_STEPS_BELOW = 128.0  # zero, in int8


def with_float_input(model: Any, *, whole_levels: bool) -> Any:
    """Return the model with its one input as float32, of the same values and name.

    whole_levels: they are rounded and cut off to the 8 bits that integer convolutions read; else
    they go on as they are.

    Parameters
    ----------
    model
        An openvino.Model.
    whole_levels
        Whether values are rounded and cut off to the 8 bits that integer convolutions read.

    Returns
    -------
    Any
        An openvino.Model.
    """
    (image,) = model.get_parameters()
    name = image.get_friendly_name()
    floating = _input_like(image, ov.Type.f32)
    if whole_levels:
        steps = _named(op.clamp(floating, 0.0, LARGEST), f"{name}/clamped")
        steps = _named(op.round(steps, "half_to_even"), f"{name}/rounded")
        levels = _named(op.convert(steps, "u8"), f"{name}/levels")
        for reader in image.output(0).get_target_inputs():
            reader.replace_source_output(levels.output(0))
    else:
        _replace_widened(image, floating)
    return ov.Model(model.get_results(), [floating], model.get_friendly_name())


def with_int8_input(model: Any) -> Any:
    """Return the model with its one input as int8, of the same name and the same values minus 128.

    Parameters
    ----------
    model
        An openvino.Model.

    Returns
    -------
    Any
        An openvino.Model.
    """
    (image,) = model.get_parameters()
    name = image.get_friendly_name()
    levels = _input_like(image, ov.Type.i8)
    widened = _named(op.convert(levels, "f32"), f"{name}/f32")
    _replace_widened(image, _named(op.add(widened, np.float32(INT8_STEPS_BELOW)), f"{name}/levels"))
    return ov.Model(model.get_results(), [levels], model.get_friendly_name())


def _input_like(image: Any, dtype: Any) -> Any:
    """Return an input of another type, of the same shape and name."""
    made = op.parameter(image.output(0).get_shape(), dtype)
    made.set_friendly_name(image.get_friendly_name())
    made.output(0).get_tensor().set_names(image.output(0).get_tensor().get_names())
    return made


def _replace_widened(image: Any, values: Any) -> None:
    """Let what reads the input as float32 read other values."""
    for reader in image.output(0).get_target_inputs():
        widened = reader.get_node()
        assert widened.get_type_name() == "Convert"
        for after in widened.output(0).get_target_inputs():
            after.replace_source_output(values.output(0))


def _named(made: Any, name: str) -> Any:
    made.set_friendly_name(name)
    return made
