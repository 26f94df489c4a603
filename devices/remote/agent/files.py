"""Requests about files: find what is there, receive, lay out, remove."""

import errno
import hashlib
import os
import platform
import shutil
import sys
from pathlib import Path

from edge_edet.devices.remote.agent.frames import CHUNK, RequestError, lock

__all__ = ["clean", "lay_out", "missing", "probe", "receive"]

EVIDENCE = {
    "compatible": "/proc/device-tree/compatible",
    "model": "/proc/device-tree/model",
    "cpuinfo": "/proc/cpuinfo",
    "dmi": "/sys/class/dmi/id/product_name",
}


def probe(base: Path) -> "dict[str, object]":
    """Describe the machine, before anything is put there."""
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    evidence = {}
    for name, path in EVIDENCE.items():
        try:
            evidence[name] = Path(path).read_text("utf-8", "replace")
        except OSError:
            evidence[name] = ""
    return {
        "python": list(sys.version_info[:3]),
        "machine": platform.machine(),
        "bits": 64
        if sys.maxsize > 2**32
        else 32,  # of the Python; the kernel may have 64 with a Python of 32
        "libc": list(platform.libc_ver()),
        "evidence": evidence,
    }


def missing(base: Path, files: "dict[str, int]") -> "list[str]":
    """List those of files, sha256 -> size, that are not there; an error if they do not fit on the disk."""
    absent = [one for one in files if not (base / "files" / one).exists()]
    need, free = sum(files[one] for one in absent), shutil.disk_usage(str(base)).free
    if need > free:
        text = f"{need / 1e6:.1f} MB are to be sent, but {base} has {free / 1e6:.1f} MB left"
        raise RequestError("full", text)
    return absent


def receive(base: Path, sha256: str, size: int) -> None:
    """Read a file, the next `size` bytes of stdin; it gets its name once its hash is right."""
    path = base / "files" / sha256
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f"{sha256}.{os.getpid()}.part")
    try:
        digest = _copy(temporary, size)
        if digest != sha256:
            raise RequestError("damaged", f"a file arrived damaged: its sha256 is not {sha256}")
        temporary.replace(path)
    finally:
        if temporary.exists():
            temporary.unlink()


def _copy(path: Path, size: int) -> str:
    """Copy from stdin; a full disk is reported after all was read, or the next request would be lost."""
    digest, left, failure = hashlib.sha256(), size, None
    with path.open("wb", buffering=0) as file:
        while left:
            data = sys.stdin.buffer.read(min(left, CHUNK))
            if not data:
                raise RequestError("cut", "the connection ended in the middle of a file")
            left -= len(data)
            digest.update(data)
            if failure is None:
                try:
                    while data:
                        data = data[file.write(data) :]
                except OSError as error:
                    failure = error
        if failure is None:
            os.fsync(file.fileno())
    if failure is not None:
        raise failure
    return digest.hexdigest()


def lay_out(base: Path, folder: str, files: "dict[str, str]") -> str:
    """Fill base/folder with received files, given as relative name -> sha256; returns its path."""
    for name, sha256 in files.items():
        source, path = base / "files" / sha256, base / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            continue
        try:
            os.link(str(source), str(path))
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
                raise
            shutil.copyfile(str(source), str(path))  # such as on FAT, which has no links
    return str(base / folder)


def clean(base: Path) -> int:
    """Remove everything that was put there; returns the number of bytes."""
    if not base.exists():
        return 0
    if lock(base / "lock") is None:
        raise RequestError("busy", "a measurement is running there: nothing was removed")
    paths = [path for path in base.rglob("*") if path.is_file() and not path.is_symlink()]
    sizes = {path.stat().st_ino: path.stat().st_size for path in paths}  # links count once
    shutil.rmtree(str(base))
    return sum(sizes.values())
