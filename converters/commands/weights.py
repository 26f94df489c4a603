"""`edge-edet weights`: list the trained checkpoints, and download those of the release."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from edge_edet.converters.weights import (
    RELEASE,
    WEIGHTS_URL,
    bundled,
    download,
    find_pulled,
    release_file,
    weights_folder,
)
from edge_edet.errors import CheckpointError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object instead of the list"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    text = "download the published COCO weights of variants, and check their sha256"
    pull = actions.add_parser("pull", help=text, description=text, allow_abbrev=False)
    pull.add_argument("variants", nargs="+", metavar="VARIANT", help=", ".join(RELEASE))
    pull.add_argument(
        "--from",
        dest="url",
        metavar="URL",
        default=os.environ.get("EDGE_EDET_WEIGHTS_URL") or WEIGHTS_URL,
        help="address of the folder to download from, such as a mirror (default: $EDGE_EDET_WEIGHTS_URL, "
        f"else {WEIGHTS_URL})",
    )
    pull.add_argument(
        "--overwrite",
        action="store_true",
        help="also replace an existing file that is not the published one",
    )


def run(args: argparse.Namespace) -> int:
    """List the checkpoints, or download some. Returns the exit status."""
    if args.action == "pull":
        return _pull(args.variants, args.url, overwrite=args.overwrite)
    listing = _listing()
    if args.json:
        print(json.dumps(listing, indent=2))
    else:
        _print_listing(listing)
    return 0


def _pull(variants: list[str], base_url: str, *, overwrite: bool) -> int:
    for file in [release_file(name) for name in variants]:
        try:
            here = find_pulled(file.variant)
        except CheckpointError as error:
            if not overwrite:
                raise CheckpointError(f"{error}, or give --overwrite") from None
            print(f"{error}: downloading it again")
            here = None
        if here is None:
            url = f"{base_url.rstrip('/')}/{file.name}"
            download(url, file.path, file.hash_prefix, file.variant)
        state = "was here already" if here else "downloaded"
        print(f"{file.variant}: {state}, sha256 {file.hash_prefix}... is right: {file.path}")
    return 0


def _listing() -> dict[str, Any]:
    rows = []
    for variant in RELEASE:
        file = release_file(variant)
        part = file.path.with_name(f"{file.name}.part")
        rows.append(
            {
                "variant": variant,
                "file": file.name,
                "url": WEIGHTS_URL + file.name,
                "path": str(file.path),
                "pulled": file.path.is_file(),
                "size_bytes": file.path.stat().st_size if file.path.is_file() else None,
                "part_bytes": part.stat().st_size if part.is_file() else 0,
            }
        )
    return {
        "bundled": [{"path": str(p), "size_bytes": p.stat().st_size} for p in bundled()],
        "folder": str(weights_folder()),
        "release": rows,
    }


def _print_listing(listing: dict[str, Any]) -> None:
    print("bundled with edge-edet:")
    for entry in listing["bundled"]:
        print(f"  {Path(entry['path']).name:44}{_megabytes(entry['size_bytes'])}")
    pulled = [row for row in listing["release"] if row["pulled"]]
    if pulled:
        print(f"pulled to {listing['folder']}:")
    for row in pulled:
        print(f"  {row['variant']:8}{row['file']:36}{_megabytes(row['size_bytes'])}")
    print("obtainable with 'edge-edet weights pull VARIANT' (COCO, 90 classes):")
    for row in listing["release"]:
        if not row["pulled"]:
            part = f"  {_megabytes(row['part_bytes'])} here" if row["part_bytes"] else ""
            print(f"  {row['variant']:8}{row['file']}{part}")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
