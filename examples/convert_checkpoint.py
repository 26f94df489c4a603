"""Convert a checkpoint to INT8 from Python: convert_checkpoint.py my.pth PICTURES FOLDER

PICTURES are a folder of pictures like those that the model will see; their labels are not needed.
"""

import sys

import edge_edet

checkpoint, pictures, folder = sys.argv[1:]
conversion = edge_edet.convert(
    checkpoint, ["int8", "fp32"], formats="tflite", calibration=pictures, output=folder
)
for note in conversion.notes:  # what was chosen or assumed: read them
    print(f"note: {note}")
for file in conversion.files:
    print(f"{file.path}: {file.size_bytes / 1e6:.1f} MB, {file.operators} operators")
    if file.parity:
        print(f"{file.parity.verdict}: {file.parity.because}")
