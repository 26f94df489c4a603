"""The same detector in other runtimes and formats, for side-by-side timings."""
