"""The partial file of a download, `NAME.part`, which the next run resumes.

It is locked against a second download, hashed as it grows, and gets its final name only when its sha256
is right. A process killed at any moment leaves a shorter part or the whole file, never a wrong one.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from types import TracebackType

from edge_edet.errors import EdgeEdetError
from edge_edet.files import hold

CHUNK = 1 << 20


class PartFile:
    """The part of a file that has been downloaded. Use it as a context manager.

    Parameters
    ----------
    target
        Path of the whole file.
    hash_prefix
        First hexadecimal digits of the sha256 of the whole file.

    Raises
    ------
    EdgeEdetError
        On entry, if the part cannot be used or another download holds it.
    """

    def __init__(self, target: Path, hash_prefix: str):
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.hash_prefix = hash_prefix
        self.size = 0
        self._digest = hashlib.sha256()
        self._file: io.FileIO | None = None

    def __enter__(self) -> PartFile:
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._open_locked()
            while chunk := self._file.read(CHUNK):
                self._count(chunk)
        except OSError as error:
            self._close()
            raise self._failed("use", error) from None
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.size == 0:
            self.path.unlink(missing_ok=True)
        self._close()

    @property
    def verified(self) -> bool:
        """Whether the part is the whole file: its sha256 is right."""
        return self._digest.hexdigest().startswith(self.hash_prefix)

    def append(self, chunk: bytes) -> None:
        """Write bytes to the end of the part. Raises EdgeEdetError if they cannot be written."""
        assert self._file is not None
        try:
            view = memoryview(chunk)
            while view:
                written = self._file.write(view)
                self._count(view[:written])
                view = view[written:]
        except OSError as error:
            raise self._failed("write", error) from None

    def restart(self) -> None:
        """Discard what has been downloaded."""
        assert self._file is not None
        self._file.seek(0)
        self._file.truncate()
        self.size, self._digest = 0, hashlib.sha256()

    def publish(self, url: str) -> None:
        """Give the whole file its name. If its sha256 is wrong, delete it and raise EdgeEdetError."""
        assert self._file is not None
        if not self.verified:
            found, size = self._digest.hexdigest()[:8], self.size
            self.restart()
            raise EdgeEdetError(
                f"{url} is another file: the sha256 of its {size:,} bytes is {found}..., "
                f"expected {self.hash_prefix}...; they are deleted: try again, or use another mirror"
            )
        try:
            os.fsync(self._file.fileno())
            self.path.replace(self.target)
        except OSError as error:
            raise self._failed("write", error) from None

    def _open_locked(self) -> io.FileIO:
        while True:
            file = io.FileIO(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
            try:
                free = hold(file.fileno())
                if free and self._is_current(file):
                    return file
            except BaseException:
                file.close()
                raise
            file.close()
            if not free:
                raise EdgeEdetError(
                    f"another download of {self.target.name} is running: wait until it is done"
                )
            # else another download has just ended, and the locked file has its final name

    def _is_current(self, file: io.FileIO) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def _count(self, chunk: bytes | memoryview) -> None:
        self._digest.update(chunk)
        self.size += len(chunk)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _failed(self, doing: str, error: OSError) -> EdgeEdetError:
        reason = (error.strerror or str(error)).lower()
        kept = f"; {self.size:,} bytes are kept: run the same command again to resume"
        return EdgeEdetError(
            f"cannot {doing} {str(self.path)!r}: {reason}{kept if self.size else ''}"
        )
