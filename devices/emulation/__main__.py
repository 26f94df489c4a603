"""Run a script on an emulated ARM core: `python -m edge_edet.devices.emulation SCRIPT ARGS...`."""

import sys

from edge_edet.devices.emulation.qemu import main

if __name__ == "__main__":
    sys.exit(main())
