"""Downloads one checkpoint over HTTP: resumes what is here, checks the sha256, then names it."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge_edet import __version__
from edge_edet.converters.weights_part import CHUNK, PartFile
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.progress import Progress

if TYPE_CHECKING:
    from http.client import HTTPResponse

__all__ = ["download"]

TRIES = 4  # of a download that breaks off
TIMEOUT_S = 30.0  # without a byte
MAX_SIZE_BYTES = 2**30  # the largest checkpoint of the release is under a third of this


def download(url: str, target: Path, hash_prefix: str, what: str) -> None:
    """Put the file at `url` to `target`; `what` names it in the progress.

    Raises EdgeEdetError: no network, an answer other than the file, a wrong hash, a full disk. What
    has come is kept beside the target and resumed by the next call.
    """
    _check_url(url)
    with PartFile(target, hash_prefix) as part:
        tries = 0
        while not part.verified:
            tries += 1
            if _fetch(url, part, what):
                break
            if tries == TRIES:
                raise EdgeEdetError(
                    f"{url} broke off {TRIES} times; {part.size:,} bytes are kept: run the same "
                    "command again to resume"
                )
        part.publish(url)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError(f"{url!r} is no address to download from: expected https://HOST/PATH")


def _fetch(url: str, part: PartFile, what: str) -> bool:
    """Append the rest of the file to the part. False when the answer broke off or was unusable."""
    headers = {"User-Agent": f"edge-edet/{__version__}"}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S
        )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and part.size:  # nothing after what is here, which is not the file
            part.restart()
            return False
        raise EdgeEdetError(
            f"{url} answered {error.code} {error.reason}: check the address, or fetch the file "
            f"elsewhere and put it at {str(part.target)!r}"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise EdgeEdetError(
            f"cannot reach {urlsplit(url).netloc} ({_reason(error)}): fetch {url} elsewhere and "
            f"put it at {str(part.target)!r}"
        ) from None
    with response:
        return _receive(response, part, what)


def _receive(response: HTTPResponse, part: PartFile, what: str) -> bool:
    total = _expected_size(response, part)
    if total is not None and total > MAX_SIZE_BYTES:
        raise EdgeEdetError(
            f"{response.url} has {total:,} bytes, more than {MAX_SIZE_BYTES:,}: this is no "
            "checkpoint of the release; check the address"
        )
    with Progress(what, total, "B", done=part.size) as progress:
        while part.size <= MAX_SIZE_BYTES:
            try:
                chunk = response.read1(CHUNK)
            except (OSError, http.client.HTTPException):
                return False
            if not chunk:
                break
            part.append(chunk)
            progress.advance(len(chunk))
    return total is None or part.size == total


def _expected_size(response: HTTPResponse, part: PartFile) -> int | None:
    """The size of the whole file where the server tells; restarts where it sends all of it."""
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers["Content-Range"] or "")
        if match and int(match[1]) == part.size:
            return None if match[2] == "*" else int(match[2])
        raise EdgeEdetError(
            f"{response.url} answered a part that was not asked for: delete {str(part.path)!r} "
            "and run the command again"
        )
    if part.size:
        part.restart()  # the server knows no ranges
    length = response.headers["Content-Length"] or ""
    return int(length) if length.isdecimal() else None


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(str(text).split()).lower()
