"""`python -m edge_edet` is the `edge-edet` command."""

import sys

from edge_edet.cli import main

if __name__ == "__main__":
    sys.exit(main())
