"""`bench --device` names a processor, as in every command, and a board where people type one."""

from __future__ import annotations

import argparse

import pytest

from edge_edet.benchmarks.commands.bench_arguments import add_arguments, boards_of, plan_of


@pytest.mark.parametrize(
    ("given", "processors", "boards"),
    [
        ([], (None,), []),
        (["--device", "CPU"], ("CPU",), []),
        (["--device", "cpu,GPU.1,AUTO:GPU,npu"], ("cpu", "GPU.1", "AUTO:GPU", "npu"), []),
        (["--device", "rpi4"], (None,), ["rpi4"]),
        (["--board", "rpi4"], (None,), ["rpi4"]),
        (["--board", "rpi4,rpi5", "--device", "CPU"], ("CPU",), ["rpi4", "rpi5"]),
        (["--board", "rpi4", "--device", "rpi4,n100"], (None,), ["rpi4", "n100"]),
    ],
)
def test_device_names_processors_and_boards(
    given: list[str], processors: tuple[str | None, ...], boards: list[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(given)
    assert plan_of(args).grid.device_types == processors
    assert boards_of(args) == boards
