"""`python -m edge_edet.benchmarks.measuring` measures the job that it reads from stdin."""

import sys

from edge_edet.benchmarks.measuring.worker import main

if __name__ == "__main__":
    sys.exit(main())
