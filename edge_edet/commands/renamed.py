"""Options that have another name now: the old spelling answers with the new one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from edge_edet.errors import InputError

__all__ = ["add_renamed_option"]


def add_renamed_option(parser: argparse.ArgumentParser, old: str, new: str) -> None:
    """Accept an option's former spelling only to answer with the present one.

    Parameters
    ----------
    parser
        Gets the option; it does not appear in the help text.
    old, new
        Both spellings with their dashes, such as `--pictures` and `--limit`.

    Notes
    -----
    The answer is an InputError, raised while the command line is parsed: exit status 2.
    """
    parser.add_argument(old, action=_Renamed, nargs="?", help=argparse.SUPPRESS, const=new)


class _Renamed(argparse.Action):
    """Raises InputError with the new spelling, which is the action's `const`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        raise InputError(f"{option_string} is now {self.const}; see '{parser.prog} --help'")
