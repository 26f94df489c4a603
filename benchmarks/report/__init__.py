"""Rows into pictures: one page that needs nothing else, each figure as SVG, PNG and CSV.

values, yardstick, chosen   what a row is worth in a figure, and which rows are left out
tradeoff, device_latency, float_int8, sustained   rows -> figures as data (`figure.py`)
theme, place_labels, draw   figures as data -> SVG and PNG, by matplotlib
row_lines, page, write      the page with all of them, and the files
"""
