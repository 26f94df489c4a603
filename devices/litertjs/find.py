"""Find LiteRT.js: in a folder that was given, in the cache, or by npm."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge_edet.devices.litertjs.pinned import ENTRY, FILES, IMPORT, PACKAGES, VERSION, Package
from edge_edet.devices.process import finish
from edge_edet.errors import BackendError, EdgeEdetError, InputError
from edge_edet.files import Limit, cache_folder, read_input

__all__ = ["find_litertjs", "read_files"]

LIMIT = Limit(64 << 20, "give the packages as npm made them")
NPM_S = 300.0
PACK = f"npm pack {' '.join(f'{one.name}@{VERSION}' for one in PACKAGES)}"


def find_litertjs(given: Path | None = None) -> Path:
    """Return a folder with LiteRT.js as a browser can load it: the names of `FILES`.

    Parameters
    ----------
    given
        A folder with the tarballs that `npm pack` made, or one in which `npm install` put the packages.
        None: the cache, which npm fills the first time (12 MB).

    Returns
    -------
    Path
        The folder, in the cache. Every file in it has the sha256 that is pinned.

    Raises
    ------
    InputError
        Where `given` lacks a package, or has another version of it.
    EdgeEdetError
        Where there is no npm, or it cannot fetch the packages; the message says what to put where.
    """
    folder = cache_folder("litertjs") / VERSION
    if given is not None:
        _fill(folder, read_files(given))
    elif not _is_whole(folder):
        with tempfile.TemporaryDirectory(prefix="edge-edet-npm-") as scratch:
            _pack(Path(scratch))
            _fill(folder, read_files(Path(scratch)))
    return folder


def read_files(folder: Path) -> dict[str, bytes]:
    """Read the files from tarballs or installed packages, and check each.

    Returns
    -------
    dict
        Name, as in `FILES` -> content.

    Raises
    ------
    InputError
        Where a package is missing, or a file is not the pinned one.
    """
    if not folder.is_dir():
        raise InputError(
            f"no folder {str(folder)!r}: make one for LiteRT.js, and run '{PACK}' in it"
        )
    found: dict[str, bytes] = {}
    for package in PACKAGES:
        found.update(_read_package(folder, package))
    found[ENTRY] = found[ENTRY].replace(*IMPORT)
    for name, sha256 in FILES.items():
        if hashlib.sha256(found[name]).hexdigest() != sha256:
            raise InputError(
                f"{name} of LiteRT.js in {str(folder)!r} is not that of version {VERSION}: make the "
                f"packages anew with '{PACK}'"
            )
    return found


def _read_package(folder: Path, package: Package) -> dict[str, bytes]:
    tarball = folder / package.tarball
    if tarball.is_file():
        return _read_tarball(tarball, package)
    for place in (folder / "node_modules" / package.name, folder / package.name):
        if all((place / inner).is_file() for inner in package.files):
            return {
                name: read_input(place / inner, f"file {str(place / inner)!r}", LIMIT)
                for inner, name in package.files.items()
            }
    raise InputError(
        f"{str(folder)!r} has neither {package.tarball} nor {package.name} of 'npm install': run "
        f"'{PACK}' in it"
    )


def _read_tarball(path: Path, package: Package) -> dict[str, bytes]:
    """Read the files that are needed; the tarball's hash is checked before it is opened."""
    data = read_input(path, f"package {str(path)!r}", LIMIT)
    integrity = f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"
    if integrity != package.integrity:
        raise InputError(
            f"{str(path)!r} is not {package.name} {VERSION}: its integrity is {integrity[:20]}..., "
            f"expected {package.integrity[:20]}...; make it anew with '{PACK}'"
        )
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for inner, name in package.files.items():
            file = archive.extractfile(f"package/{inner}")
            assert file is not None
            found[name] = file.read()
    return found


def _pack(folder: Path) -> None:
    """Let npm fetch the tarballs: it knows the user's registry and proxy."""
    npm = shutil.which("npm")
    elsewhere = (
        f"run '{PACK}' on a machine with npm and a network, and give the folder with the two files "
        "as --litertjs DIR"
    )
    if npm is None:
        raise EdgeEdetError(
            f"LiteRT.js {VERSION} is fetched with npm, which is not here: {elsewhere}"
        )
    names = [f"{one.name}@{VERSION}" for one in PACKAGES]
    command = [npm, "pack", "--loglevel=error", "--ignore-scripts", "--fetch-retries=0", *names]
    try:
        finish(command, "npm pack", timeout_s=NPM_S, cwd=folder, reason=_code)
    except BackendError as error:
        raise EdgeEdetError(
            f"LiteRT.js {VERSION} cannot be fetched ({error}): {elsewhere}"
        ) from None


def _code(lines: Sequence[str]) -> str:
    """Return npm's code for what failed, such as ECONNREFUSED: its last line is the place of a log."""
    codes = [line.split()[-1] for line in lines if line.split()[2:3] == ["code"]]
    return codes[0] if codes else lines[0]


def _is_whole(folder: Path) -> bool:
    return all(
        (folder / name).is_file()
        and hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256
        for name, sha256 in FILES.items()
    )


def _fill(folder: Path, files: dict[str, bytes]) -> None:
    """Put the folder into the cache, whole; what stands there and is damaged goes."""
    if _is_whole(folder):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{VERSION}.", dir=folder.parent))
    try:
        for name, data in files.items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_bytes(data)
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    except OSError:
        if not _is_whole(folder):  # else another process was quicker
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
