"""`python -m edge_edet.devices.emulation SCRIPT ARGS...` runs a script on an emulated ARM core."""

import sys

from edge_edet.devices.emulation.qemu import main

sys.exit(main())
