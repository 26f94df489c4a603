"""Which operators read and write a tensor: its activation, moved integers, and factors of channels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_edet.converters.inspect.tflite.expose import Rewritable
from edge_edet.formats import TensorInfo
from edge_edet.formats.tflite import OperatorInfo

Floats = npt.NDArray[np.float32]
# They move integers, without an error of their own where the grid stays the same.
MOVING = ("MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR", "RESHAPE", "CONCATENATION", "PAD")
CROSSINGS = ("QUANTIZE", "DEQUANTIZE")
GROUP = "/group."  # in the name of a tensor of some channels, see converters/quantize/split.py
# What follows them is sorted by score, so that rows of two models cannot be compared.
SORTING = (
    "TOPK_V2",
    "NON_MAX_SUPPRESSION_V4",
    "NON_MAX_SUPPRESSION_V5",
    "TFLite_Detection_PostProcess",
)


class GraphIndex:
    """The operators of a model's main graph, by the tensors that they read and write.

    Attributes
    ----------
    rewritable, model
        The model, and its parsed form.
    readers, writers
        Index of a tensor -> the operators that read it, the operator that writes it.
    """

    def __init__(self, model: Rewritable):
        self.rewritable, self.model = model, model.model
        self.readers: dict[int, list[OperatorInfo]] = {}
        self.writers = {tensor: op for op in self.model.operators for tensor in op.outputs}
        for op in self.model.operators:
            for tensor in op.inputs:
                self.readers.setdefault(tensor, []).append(op)

    def tensor(self, index: int) -> TensorInfo:
        """Return the tensor of that index.

        Parameters
        ----------
        index
            Of the tensor.

        Returns
        -------
        TensorInfo
            The tensor.
        """
        return self.model.tensors[index]

    def is_input_itself(self, op: OperatorInfo) -> bool:
        """Check whether an operator only converts the picture to int8, and changes no value.

        That is uint8 to int8 of the same scale, perhaps padded, or float32 grey levels minus a constant
        to int8: the mean colour is in the stem's bias then.

        Parameters
        ----------
        op
            One of the model's operators.

        Returns
        -------
        bool
            Whether it does.
        """
        source = self.writers.get(op.inputs[0]) if op.name == "PAD" else op
        if source is None or source.name != "QUANTIZE":
            return False
        centred = self.writers.get(source.inputs[0])
        given = centred.inputs[0] if centred and centred.name == "ADD" else source.inputs[0]
        return given in self.model.inputs

    def sorted_by_score(self) -> set[int]:
        """Return the indices of the tensors whose order depends on the scores.

        Returns
        -------
        set[int]
            Tensor indexes.
        """
        found: set[int] = set()
        for op in self.model.operators:
            if op.name in SORTING or found & set(op.inputs):
                found |= set(op.outputs)
        return found

    def is_carried(self, op: OperatorInfo) -> bool:
        """Check whether an operator's output has the integers of its inputs, so no error of its own.

        Parameters
        ----------
        op
            One of the model's operators.

        Returns
        -------
        bool
            Whether it has.
        """
        running = [self.tensor(i) for i in op.inputs if not self.tensor(i).is_constant]
        output = self.tensor(op.outputs[0])
        if not running:
            return False
        zeros_stay = all(t.zero_points == output.zero_points for t in running)
        if op.name in MOVING:
            return zeros_stay and all(t.scales == output.scales for t in running)
        constants = [self.tensor(i) for i in op.inputs if self.tensor(i).is_constant]
        single = len(running) == 1 and len(constants) == 1 and constants[0].constant_bytes == 1
        return op.name == "MUL" and single and zeros_stay

    def reader(self, index: int) -> str:
        """Return the activation that alone reads a tensor: "swish", "sigmoid", or "" for none.

        Of the class logits it is "sigmoid": people read scores.

        Parameters
        ----------
        index
            Of the tensor.

        Returns
        -------
        str
            Name of the activation.
        """
        if index in self.model.outputs and self.tensor(index).name == "class_logits":
            return "sigmoid"
        readers = self.readers.get(index, [])
        if GROUP in self.tensor(index).name and [op.name for op in readers] == ["CONCATENATION"]:
            return self.reader(readers[0].outputs[0])
        gates = self._gates(index)
        if not gates:
            return ""
        products = [op for op in readers if op.name == "MUL" and gates & set(op.inputs)]
        if products:
            others = [
                op
                for op in readers
                if op not in products
                and op.outputs[0] not in gates
                and not self.is_factor_product(op)
            ]
            return "swish" if not others else ""
        return "sigmoid" if all(op.name == "LOGISTIC" for op in readers) else ""

    def _gates(self, index: int) -> set[int]:
        """Return the outputs of this tensor's sigmoids, also through the product with its factors."""
        found = set()
        for op in self.readers.get(index, []):
            if op.name == "LOGISTIC":
                found.add(op.outputs[0])
            elif self.is_factor_product(op):
                found |= self._gates(op.outputs[0])
        return found

    def is_factor_product(self, op: OperatorInfo) -> bool:
        """Check whether an operator multiplies channels by the factors of an equalized model.

        Parameters
        ----------
        op
            One of the model's operators.

        Returns
        -------
        bool
            Whether it does.
        """
        return op.name == "MUL" and any(self.tensor(i).name.endswith("/factors") for i in op.inputs)

    def factors(self, known: set[str]) -> dict[int, Floats]:
        """Find the tensors whose channels are divided by factors, in an equalized model.

        Parameters
        ----------
        known
            Names of the float model's tensors: factors that it has too are part of the network.

        Returns
        -------
        dict
            Index of a tensor -> factors of its channels, [channels] float32.
        """
        found: dict[int, Floats] = {}
        for op in self.model.operators:
            if not self.is_factor_product(op):
                continue
            constant = next(i for i in op.inputs if self.tensor(i).name.endswith("/factors"))
            if self.tensor(constant).name in known:
                continue
            values = self._values(self.tensor(constant))
            source = next(i for i in op.inputs if i != constant)
            found[source] = values
            gates = self._gates(op.outputs[0])
            pending = [p.outputs[0] for p in self.readers[source] if gates & set(p.inputs)]
            while pending:  # operators that keep the channels, up to a convolution
                tensor = pending.pop()
                found[tensor] = values
                pending += [
                    p.outputs[0]
                    for p in self.readers.get(tensor, [])
                    if p.name in ("MEAN", "PAD", *CROSSINGS)
                    or (p.name == "MUL" and p.inputs[0] == tensor)
                ]
        return found

    def _values(self, tensor: TensorInfo) -> Floats:
        raw = self.rewritable.constant(tensor.index)
        if tensor.dtype == "float32":
            return raw.view(np.float32)
        values = raw.view(np.int8).astype(np.float32) * np.float32(tensor.scales[0])
        return np.asarray(values, np.float32)
