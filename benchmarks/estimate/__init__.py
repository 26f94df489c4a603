"""Latency on a board that is not there, from published latencies of other models on it."""
