"""Measuring: latency, memory, energy and accuracy as rows, and what follows from rows."""
