"""Writes the page of the command line for the site, from the parsers themselves (mkdocs calls it)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

PAGE = "reference/cli.md"
COLUMNS = "100"  # argparse wraps by it
INTRODUCTION = """# Command line

Made from the commands' own `--help`. One example of each: [commands](../how-to/commands.md).
"""


def cli_page() -> str:
    """Markdown: a heading for each command, and its help as argparse prints it."""
    os.environ["COLUMNS"] = COLUMNS
    from edge_edet.cli import COMMANDS, parser_for

    parts = [INTRODUCTION]
    for command, (_, text) in COMMANDS.items():
        help_text = _sub_parser(parser_for(command), command).format_help()
        parts.append(f"## {command}\n\n{text[0].upper()}{text[1:]}.\n\n```text\n{help_text}```\n")
    return "\n".join(parts)


def _sub_parser(parser: Any, command: str) -> Any:
    (action,) = (a for a in parser._actions if hasattr(a, "choices") and a.dest == "command")  # noqa: SLF001 - argparse has no other way
    return action.choices[command]


def on_files(files: Any, config: Any) -> Any:
    """Mkdocs' event: the pages are known, none is read yet."""
    from mkdocs.structure.files import File

    home = str(Path.home())
    files.append(File.generated(config, PAGE, content=cli_page().replace(home, "~")))
    return files
