"""Boards and phones: which ones are known, ways to run edge-edet on them, and emulation of their cores."""
