"""What int8 operators cost in LiteRT, alone and together, and the bundled D0 against its earlier build.

    pytest benchmarks/test_int8_operators.py -s --benchmark-columns=median

Times are CPU time of the one thread that computes, so that other programs on the machine count less; rounds
take turns. EDGE_EDET_ROUNDS: 60. The earlier build of D0 is recipe `equalized`: the same operators as
`reconstructed` had before channels were split, with other integers, so the same time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from edge_edet.benchmarks.peers import peers
from edge_edet.converters import convert
from edge_edet.converters.write.tflite.flatbuffer import Quantization, TfliteWriter, schema

ROUNDS = int(os.environ.get("EDGE_EDET_ROUNDS", "60"))
SHAPE = (1, 256, 256, 96)  # the largest tensor of D0
STEP, GATE = Quantization((0.1,), (0,)), Quantization((1 / 256,), (-128,))
Op = schema.BuiltinOperator
Tensors = tuple[TfliteWriter, int]


def product(writer: TfliteWriter, a: int, b: int) -> int:
    """Emit a product of two tensors."""
    output = writer.tensor("product", SHAPE, "int8", STEP)
    writer.operator(Op.MUL, 2, [a, b], [output], schema.MulOptionsT())
    return output


def constant(writer: TfliteWriter, channels: int) -> int:
    values = np.arange(1, channels + 1).astype(np.int8)
    return writer.tensor(
        "factors", (1, 1, 1, channels), "int8", Quantization((1 / 127,), (0,)), values
    )


def logistic(writer: TfliteWriter, x: int) -> int:
    output = writer.tensor("gate", SHAPE, "int8", GATE)
    writer.operator(Op.LOGISTIC, 2, [x], [output])
    return output


def hard_swish(writer: TfliteWriter, x: int) -> int:
    output = writer.tensor("hard swish", SHAPE, "int8", STEP)
    writer.operator(Op.HARD_SWISH, 1, [x], [output], schema.HardSwishOptionsT())
    return output


def gelu(writer: TfliteWriter, x: int) -> int:
    output = writer.tensor("gelu", SHAPE, "int8", STEP)
    writer.operator(Op.GELU, 2, [x], [output], schema.GeluOptionsT())
    return output


OPERATORS: dict[str, Callable[[TfliteWriter, int], int]] = {
    "LOGISTIC": logistic,
    "LOGISTIC, MUL: a swish": lambda w, x: product(w, x, logistic(w, x)),
    "and a MUL by one number": lambda w, x: product(
        w, product(w, x, logistic(w, x)), constant(w, 1)
    ),
    "MUL by one number": lambda w, x: product(w, x, constant(w, 1)),
    "MUL by a number a channel": lambda w, x: product(w, x, constant(w, SHAPE[3])),
    "a swish of channels times a number each": lambda w, x: product(
        w, x, logistic(w, product(w, x, constant(w, SHAPE[3])))
    ),
    "HARD_SWISH": hard_swish,
    "GELU": gelu,
}


def alone(build: Callable[[TfliteWriter, int], int]) -> Any:
    """An interpreter of one input and what is built on it, one thread."""
    from ai_edge_litert.interpreter import Interpreter

    writer = TfliteWriter("operators")
    x = writer.tensor("x", SHAPE, "int8", STEP)
    writer.interface({"x": x}, {"y": build(writer, x)})
    interpreter = Interpreter(model_content=writer.to_bytes(), num_threads=1)
    interpreter.allocate_tensors()
    values = np.random.default_rng(0).integers(-128, 128, SHAPE).astype(np.int8)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    return interpreter.invoke


def in_turns(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median milliseconds of CPU time of each."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            began = time.thread_time()
            run()
            if number:  # the first is the warm-up
                times[name].append((time.thread_time() - began) * 1e3)
    return {name: median(values) for name, values in times.items()}


def test_operators_of_one_tensor_are_a_table(benchmark: Any) -> None:
    runs = {name: alone(build) for name, build in OPERATORS.items()}
    found = benchmark.pedantic(in_turns, (runs, ROUNDS), rounds=1, iterations=1)
    print(f"\nint8 {list(SHAPE)}, one thread, ms (median of {ROUNDS} rounds, CPU time)")
    for name, ms in found.items():
        print(f"{name:42s} {ms:7.2f}")
    assert len(found) == len(OPERATORS)


def test_d0_against_its_earlier_build(benchmark: Any, tmp_path: Path) -> None:
    runs = {}
    for recipe in ("equalized", "reconstructed", "mse"):
        folder = tmp_path / recipe
        convert("d0", "int8", output=folder, weights="bundled", formats="tflite", recipe=recipe)
        runs[recipe] = peers.litert(folder / "d0-int8.tflite")(1)
    found = benchmark.pedantic(in_turns, (runs, ROUNDS), rounds=1, iterations=1)
    print(
        f"\nD0 int8, LiteRT, one thread, ms (median of {ROUNDS} rounds, CPU time), against the first"
    )
    for name, ms in found.items():
        print(f"{name:16s} {ms:7.2f} {ms / found['equalized']:6.3f}")
    assert len(found) == 3
