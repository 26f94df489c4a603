"""Rules of what runs other graphs, and of what keeps a state."""

from __future__ import annotations

from edge_edet.formats.tflite.check.call import Call

__all__ = ["RULES"]


def branches(call: Call) -> None:
    """Check that the graphs it runs exist, and take and return as many tensors as it does."""
    fields = 1 if call.name == "CALL_ONCE" else 2
    given = len(call.inputs) - (call.name == "IF")
    for field in range(fields):
        number = call.option(field)
        if not 0 < number < len(call.graphs):
            call.fail(f"it runs graph {number} of {len(call.graphs)}")
        counts = call.graphs[number]
        gives = 1 if call.name == "WHILE" and field == 0 else len(call.outputs)
        if counts != (given, gives):
            call.fail(f"graph {number} takes and gives {counts} tensors, expected {given, gives}")


RECURRENT_INPUTS = {
    "LSTM": (5, 20, 24),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (20, 24),
    "BIDIRECTIONAL_SEQUENCE_LSTM": (48,),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (5,),
    "BIDIRECTIONAL_SEQUENCE_RNN": (12,),
    "RNN": (5,),
    "SVDF": (5,),
}


def recurrent(call: Call) -> None:
    counts = RECURRENT_INPUTS[call.name]
    if len(call.inputs) not in counts:
        call.fail(f"it has {len(call.inputs)} inputs, expected {' or '.join(map(str, counts))}")
    if call.inputs[0] is None:
        call.fail("its first input is left out")


RULES = {
    "branches": branches,
    "recurrent": recurrent,
}
