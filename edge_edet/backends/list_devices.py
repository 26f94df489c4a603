"""Print the devices that a runtime finds, as one JSON line, in a process that a driver may crash.

Run as `python -m edge_edet.backends.list_devices openvino`.
"""

from __future__ import annotations

import json
import sys

__all__ = ["devices_of"]


def devices_of(runtime: str) -> dict[str, str]:
    """Return device or execution provider -> its full name, "" where it has none."""
    if runtime == "openvino":
        from edge_edet.backends.openvino import openvino_devices

        return openvino_devices()
    from edge_edet.backends.onnxruntime import onnxruntime_providers

    return dict.fromkeys(onnxruntime_providers(), "")


if __name__ == "__main__":
    print(json.dumps(devices_of(sys.argv[1])))
