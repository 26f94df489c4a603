"""Standard TFLite Metadata of a model that is not ours: normalization, tensor names, label file.

Source: tflite-support metadata_schema.fbs; the label files lie in a zip behind the flatbuffer.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass

from edge_edet.errors import ModelFileError
from edge_edet.formats.flatbuffer import Buffer, Table
from edge_edet.formats.model_file import open_model
from edge_edet.formats.tflite.file import TfliteModel
from edge_edet.labels import LabelFile, parse_label_text

__all__ = ["StandardMetadata", "read_metadata"]

METADATA_KEY = "TFLITE_METADATA"
IDENTIFIER = b"M001"
NORMALIZATION = 1  # enum ProcessUnitOptions
LABEL_FILES = (2, 3)  # enum AssociatedFileType: TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS
MAX_LABEL_FILE_BYTES = 2**20


@dataclass(frozen=True)
class StandardMetadata:
    """Standard metadata; mean and std: of the first input, one value or one a channel, empty if absent.

    Attributes
    ----------
    mean
        Of the first input: one value or one a channel, empty if absent.
    std
        Likewise.
    output_names
        In the order of the graph's outputs.
    label_files
        Names of the label files inside.
    labels
        Name of each class; None: there are none, or they were not read.
    labels_note
        How they were read where that is not one name a line.
    name
        What it calls the model, name and description.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    output_names: tuple[str, ...]  # in the order of the graph's outputs
    label_files: tuple[str, ...]
    labels: tuple[str | None, ...] | None
    labels_note: str | None = None  # how they were read where that is not one name a line
    name: str = ""  # what it calls the model, name and description


def read_metadata(
    model: TfliteModel, num_classes: int | None = None, *, with_labels: bool = True
) -> StandardMetadata | None:
    """Read the model's standard metadata, None where it has none.

    num_classes: for reading the labels. with_labels=False skips the label file.

    Parameters
    ----------
    model
        The summary of the file.
    num_classes
        Of the model, for reading the labels; None: not known.
    with_labels
        Whether to read the label file.

    Returns
    -------
    StandardMetadata | None
        The metadata.

    Raises
    ------
    ModelFileError
        If they are damaged.
    """
    data = model.metadata.get(METADATA_KEY)
    if data is None:
        return None
    what = f"the {METADATA_KEY} of {str(model.path)!r}"
    buffer = Buffer(data, what)
    if data[4:8] != IDENTIFIER:
        buffer.fail(f"its identifier is {data[4:8]!r}, expected {IDENTIFIER!r}")
    root = buffer.root()
    graphs = root.tables(3)
    if not graphs:
        return None
    inputs, outputs = graphs[0].tables(2), graphs[0].tables(3)
    mean, std = _normalization(inputs[0]) if inputs else ((), ())
    # Field 6 of TensorMetadata, field 4 of SubGraphMetadata.
    files = [name for tensor in outputs for name in _label_files(tensor, 6)]
    files += _label_files(graphs[0], 4)
    labels = _read_labels(model, files[0], num_classes) if files and with_labels else None
    names = tuple(tensor.string(0) for tensor in outputs)
    called = f"{root.string(0)} {root.string(1)}".strip()
    return StandardMetadata(
        mean,
        std,
        names,
        tuple(files),
        labels=labels.names if labels else None,
        labels_note=labels.note if labels else None,
        name=called,
    )


def _normalization(tensor: Table) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for unit in tensor.tables(4):
        options = unit.table(1)
        if unit.integer(0, "B") == NORMALIZATION and options is not None:
            mean, std = options.floats(0), options.floats(1)
            if len(mean) not in (1, 3) or len(std) != len(mean) or not all(s > 0 for s in std):
                tensor.buffer.fail(f"its normalization is mean {mean}, std {std}")
            return mean, std
    return (), ()


def _label_files(owner: Table, field: int) -> list[str]:
    files = ((file.string(0), file.integer(2, "b")) for file in owner.tables(field))
    return [name for name, kind in files if name and kind in LABEL_FILES]


def _read_labels(model: TfliteModel, name: str, num_classes: int | None) -> LabelFile:
    what = f"the label file {name!r} in {str(model.path)!r}"
    try:
        with open_model(model.path) as file, zipfile.ZipFile(file) as archive:
            size = archive.getinfo(name).file_size
            if size > MAX_LABEL_FILE_BYTES:
                raise ModelFileError(f"{what} has {size} bytes, at most {MAX_LABEL_FILE_BYTES}")
            text = archive.read(name).decode("utf-8")
    except ModelFileError:
        raise
    except KeyError:
        raise ModelFileError(f"{what} is named in the metadata, but is not there") from None
    except Exception as error:  # zipfile raises many kinds on damaged archives
        raise ModelFileError(f"{what} cannot be read: {' '.join(str(error).split())}") from None
    return parse_label_text(text, what, num_classes)
