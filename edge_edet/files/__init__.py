"""Files read, locked and appended to by one rule: limits, pipes, JSON Lines, pairs, folders."""

from __future__ import annotations

from edge_edet.files.cache import cache_folder
from edge_edet.files.input import Limit, kind_of, open_input, read_input, sha256_input, why_not
from edge_edet.files.json_lines import (
    JsonLinesFile,
    LineFormat,
    dump_line,
    parse_json_lines,
    read_json_lines,
)
from edge_edet.files.locks import SUFFIX, LockFile, hold, holder, lock_of, short
from edge_edet.files.pair import belongs, read_whole, recover, stamp, switch
from edge_edet.files.scratch import scratch_folder
from edge_edet.files.stream import read_stream
from edge_edet.files.typed_json import from_json, to_json
from edge_edet.files.yaml import read_yaml

__all__ = [
    "SUFFIX",
    "JsonLinesFile",
    "Limit",
    "LineFormat",
    "LockFile",
    "belongs",
    "cache_folder",
    "dump_line",
    "from_json",
    "hold",
    "holder",
    "kind_of",
    "lock_of",
    "open_input",
    "parse_json_lines",
    "read_input",
    "read_json_lines",
    "read_stream",
    "read_whole",
    "read_yaml",
    "recover",
    "scratch_folder",
    "sha256_input",
    "short",
    "stamp",
    "switch",
    "to_json",
    "why_not",
]
