"""Download one checkpoint over HTTP: resume a partial file, check the sha256, then name the file."""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edge_edet import __version__
from edge_edet.converters.weights.partial_file import CHUNK, PartFile
from edge_edet.errors import EdgeEdetError, InputError
from edge_edet.terminal import VARIABLE, Progress, wait_limit_s, within

if TYPE_CHECKING:
    from http.client import HTTPResponse

__all__ = ["download"]

TRIES = 4  # for a download that breaks off
TIMEOUT_S = 30.0  # longest wait for a byte, and for the whole header of a response
SLOWEST_BYTES_PER_S = 1024  # over TIMEOUT_S: 20 MB would take five hours
MAX_DIGITS = 18  # in a size that a server states
PART = re.compile(rf"bytes ([0-9]{{1,{MAX_DIGITS}}})-[0-9]+/([0-9]{{1,{MAX_DIGITS}}}|\*)")
MAX_SIZE_BYTES = 2**30  # the largest checkpoint of the release is under a third of this


def download(
    url: str,
    target: Path,
    hash_prefix: str,
    what: str,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Download a file; a call that fails keeps what has arrived, and the next call resumes it.

    Parameters
    ----------
    url
        Address of the file: http or https.
    target
        Path to write. The partial file beside it has the suffix `.part`.
    hash_prefix
        First hexadecimal digits of the sha256 of the file.
    what
        Name of the file on the progress line.
    clock
        Returns seconds, for the check of the download's speed.

    Raises
    ------
    InputError
        If `url` is no http or https address.
    EdgeEdetError
        If the server cannot be reached, answers something other than the file or is too slow, if the
        sha256 is wrong, if the file cannot be written, or if another download of it is running.
    """
    _check_url(url)
    with PartFile(target, hash_prefix) as part:
        tries = 0
        while not part.verified:
            tries += 1
            if _fetch(url, part, what, clock):
                break
            if tries == TRIES:
                raise EdgeEdetError(
                    f"{url} broke off {TRIES} times; {part.size:,} bytes are kept: run the same "
                    "command again to resume"
                )
        part.publish(url)


def _check_url(url: str) -> None:
    if not _is_address(url):
        shown = url if len(url) <= 100 else f"{url[:97]}..."
        raise InputError(f"{shown!r} is no address to download from: expected https://HOST/PATH")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host.encode("idna")  # parts of a name have at most 63 letters
        good = parts.scheme in ("http", "https") and 0 < len(host) <= 253 and parts.port != 0
    except ValueError:
        return False
    return good and url.isascii() and url.isprintable() and " " not in url


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https addresses, but never from https to http.

    The hash in a file's name has 32 bits only: it is no protection against somebody who can change what
    is transferred.
    """

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        left_https = req.full_url.startswith("https:") and not newurl.startswith("https:")
        if left_https or not _is_address(newurl):
            why = "leaves https" if left_https else "is no http address"
            fp.close()
            raise EdgeEdetError(
                f"{req.full_url} redirects to {newurl[:100]!r}, which {why}: check the address"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(request: urllib.request.Request, limit_s: float) -> Any:
    opener = (
        urllib.request.OpenerDirector()
    )  # without ftp, file and data, which a redirect may name
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        _Redirects,
    ):
        opener.add_handler(handler())
    return opener.open(request, timeout=limit_s)


def _fetch(url: str, part: PartFile, what: str, clock: Callable[[], float]) -> bool:
    """Append the rest of the file to the part; return False if the response broke off or was unusable."""
    headers = {"User-Agent": f"edge-edet/{__version__}"}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
    host = urlsplit(url).netloc.rpartition("@")[2]
    limit_s = wait_limit_s(TIMEOUT_S)
    try:
        request = urllib.request.Request(url, headers=headers)
        response = within(limit_s, host, lambda: _open(request, limit_s))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and part.size:  # the part is as long as the file or longer, but wrong
            part.restart()
            return False
        raise EdgeEdetError(
            f"{url} answered {error.code} {error.reason}: check the address, or fetch the file "
            f"elsewhere and put it at {str(part.target)!r}"
        ) from None
    except (
        OSError,
        http.client.HTTPException,
        ValueError,
    ) as error:  # ValueError: malformed responses
        raise EdgeEdetError(
            f"cannot reach {host} ({_reason(error)}): fetch {url} elsewhere and "
            f"put it at {str(part.target)!r}"
        ) from None
    with response:
        return _receive(response, part, what, limit_s, clock)


def _receive(
    response: HTTPResponse, part: PartFile, what: str, limit_s: float, clock: Callable[[], float]
) -> bool:
    total = _expected_size(response, part)
    if total is not None and total > MAX_SIZE_BYTES:
        raise EdgeEdetError(
            f"{response.url} has {total:,} bytes, more than {MAX_SIZE_BYTES:,}: this is no "
            "checkpoint of the release; check the address"
        )
    start, size = clock(), part.size  # of the period in which the least number of bytes must arrive
    with Progress(what, total, "B", done=part.size) as progress:
        while part.size <= MAX_SIZE_BYTES:
            try:
                chunk = response.read1(CHUNK)
            except (
                OSError,
                http.client.HTTPException,
                ValueError,
            ):  # ValueError: a malformed chunk
                return False
            passed_s = clock() - start
            if passed_s >= limit_s:
                if part.size + len(chunk) - size < SLOWEST_BYTES_PER_S * passed_s:
                    part.append(chunk)
                    raise _too_slow(response.url, part, part.size - size, passed_s)
                start, size = clock(), part.size + len(chunk)
            if not chunk:
                break
            part.append(chunk)
            progress.advance(len(chunk))
    return total is None or part.size == total


def _too_slow(url: str, part: PartFile, came: int, passed_s: float) -> EdgeEdetError:
    return EdgeEdetError(
        f"{url} is too slow: {came:,} bytes in {passed_s:.0f} s; {part.size:,} bytes are kept: run the "
        f"same command again to resume, or set {VARIABLE} to wait longer"
    )


def _expected_size(response: HTTPResponse, part: PartFile) -> int | None:
    """Return the size of the whole file if the server states it; restart if it sends the whole file."""
    if response.status == 206:
        match = PART.fullmatch(response.headers["Content-Range"] or "")
        if match and int(match[1]) == part.size:
            return None if match[2] == "*" else int(match[2])
        raise EdgeEdetError(
            f"{response.url} sent a part that was not requested: delete {str(part.path)!r} "
            "and run the command again"
        )
    if part.size:
        part.restart()  # the server does not support ranges
    length = response.headers["Content-Length"] or ""
    if not re.fullmatch("[0-9]*", length) or len(length) > MAX_DIGITS:
        raise EdgeEdetError(
            f"{response.url} states the length {length[:40]!r}, which is not a number of bytes: check the "
            "address"
        )
    return int(length) if length else None


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(str(text).split()).lower()
