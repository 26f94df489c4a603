"""Devices side by side: nobody waits for another one, and one's failure is its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from edge_edet import BackendError
from edge_edet.devices.fleet import side_by_side


def test_devices_do_not_wait_for_each_other() -> None:
    meeting = threading.Barrier(3, timeout=10)  # broken where they ran one after the other

    def work(device: str) -> Iterator[int | None]:
        meeting.wait()
        yield from (1, None, 2)

    given = list(side_by_side(["a", "b", "c"], work))
    assert sorted(given) == [(name, i) for name in "abc" for i in (1, 2)]
    for name in "abc":
        assert [item for device, item in given if device == name] == [1, 2]


def test_an_error_of_one_is_not_the_end_of_others() -> None:
    def work(device: str) -> Iterator[int]:
        yield 1
        if device == "a":
            raise BackendError("a is broken")
        yield 2

    given = list(side_by_side(["a", "b"], work))
    assert [item for device, item in given if device == "b"] == [1, 2]
    one, error = [item for device, item in given if device == "a"]
    assert one == 1
    assert str(error) == "a is broken"


def test_a_mistake_of_ours_is_raised() -> None:
    def work(device: str) -> Iterator[int]:
        yield 1 // 0

    with pytest.raises(ZeroDivisionError):
        list(side_by_side(["a", "b"], work))


def test_ending_early_ends_the_work_of_all() -> None:
    closed = []

    def work(device: str) -> Iterator[int | None]:
        try:
            yield 1
            while True:
                yield None
        finally:
            closed.append(device)

    given = side_by_side(["a", "b"], work)
    next(given)
    given.close()  # type: ignore[attr-defined]
    assert sorted(closed) == ["a", "b"]
