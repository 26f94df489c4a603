"""A folder with Debian's Python for 64-bit ARM and the wheels that a board would install."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_edet.devices.process import finish
from edge_edet.errors import BackendError

__all__ = ["DEFAULT_ROOT", "PYTHON", "SITES", "prepare"]

DEFAULT_ROOT = Path("build/aarch64-root")
PYTHON = "3.11"  # that of Debian 12, and the last one that tflite-runtime has wheels for
PACKAGES = (
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libc6",
    "libstdc++6",
    "libgcc-s1",
    "libcrypt1",
    "libuuid1",
    "libexpat1",
    "libffi8",
    "zlib1g",
    "libbz2-1.0",
    "liblzma5",
    "libssl3",
)

# Runtime -> what a board would install, each in a folder of its own. A later ai-edge-litert (2.3.0)
# crashes under QEMU 7.2, the version of Debian 12.
SITES: dict[str, tuple[str, ...]] = {
    "ai-edge-litert": ("ai-edge-litert==2.1.6", "numpy==2.2.6", "pillow==11.3.0"),
    "tflite-runtime": ("tflite-runtime==2.14.0", "numpy==1.26.4", "pillow==11.3.0"),
}
# glibc up to the 2.36 of Debian 12
PLATFORMS = tuple(f"manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1))
STAMP = json.dumps({"format": 1, "python": PYTHON, "packages": PACKAGES, "sites": SITES})


def prepare(root: Path = DEFAULT_ROOT) -> Path:
    """Fill a folder with Debian's Python for ARM and the wheels of SITES; quick if it is filled already.

    Downloads about 100 MB: apt checks signatures, pip checks hashes. Needs the apt sources of Debian 12
    and pip, but no root rights: nothing is installed on this machine.

    Parameters
    ----------
    root
        The folder to fill.

    Returns
    -------
    Path
        The folder, as an absolute path.

    Raises
    ------
    BackendError
        When something is missing or a download fails; the folder is then left as it was.
    """
    root = root.resolve()
    if _is_ready(root):
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    with _locked(root.with_name(f"{root.name}.lock")):
        if _is_ready(root):  # another process has filled it in the meantime
            return root
        work = root.with_name(f"{root.name}.new")
        shutil.rmtree(work, ignore_errors=True)  # a killed run may have left it behind
        try:
            new = work / "root"
            new.mkdir(parents=True)
            _unpack_debian(work, new)
            for runtime, requirements in SITES.items():
                _unpack_wheels(new / "sites" / runtime, requirements)
            (new / "stamp.json").write_text(STAMP)
            shutil.rmtree(root, ignore_errors=True)
            new.rename(root)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return root


def _is_ready(root: Path) -> bool:
    try:
        return (root / "stamp.json").read_text() == STAMP
    except OSError:
        return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl  # only on Unix, as is QEMU's user emulation

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpack_debian(work: Path, root: Path) -> None:
    """Unpack Debian's packages for ARM, from this machine's apt sources but not into its apt."""
    for tool, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg")):
        if shutil.which(tool) is None:
            raise BackendError(f"there is no {tool}: the ARM packages need Debian's {package}")
    parts = Path("/etc/apt/sources.list.d/debian.sources")
    sources = parts if parts.exists() else Path("/etc/apt/sources.list")
    lists, debs = work / "lists", work / "debs"
    (lists / "partial").mkdir(parents=True)
    debs.mkdir()
    status = work / "status"
    status.touch()
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",  # the folders belong to the caller
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "30",
        "Dir::Cache": work,
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": lists,
        "Dir::State::status": status,
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    finish([*apt, "update"], f"apt-get update for arm64 from {sources}", timeout_s=300)
    what = f"apt-get download of Debian 12's arm64 packages from {sources}"
    finish([*apt, "download", *PACKAGES], what, timeout_s=300, cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        finish(["dpkg-deb", "-x", deb, root], f"unpacking {deb.name}", timeout_s=60)


def _unpack_wheels(site: Path, requirements: Sequence[str]) -> None:
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    command += ["--no-compile", "--only-binary=:all:", "--python-version", PYTHON]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    command += ["--target", str(site), *requirements]
    finish(command, f"pip for {requirements[0]} on ARM", timeout_s=300)
