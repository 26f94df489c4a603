"""The known trained checkpoints: bundled with the package, downloaded to the cache, or in the release."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from edge_edet.errors import CheckpointError
from edge_edet.files import cache_folder, sha256_input
from edge_edet.variants import get_variant

__all__ = [
    "RELEASE",
    "WEIGHTS_URL",
    "ReleaseFile",
    "bundled",
    "find_pulled",
    "release_file",
    "weights_folder",
]

# Source: PyPI effdet 0.4.1, effdet/config/model_config.py, `url` of each tf_efficientdet_* row.
WEIGHTS_URL = "https://github.com/rwightman/efficientdet-pytorch/releases/download/v0.1/"

# Variant -> file of that release; the name ends in the first 8 hex digits of the file's sha256.
RELEASE = {
    "d0": "tf_efficientdet_d0_34-f153e0cf.pth",
    "d1": "tf_efficientdet_d1_40-a30f94af.pth",
    "d2": "tf_efficientdet_d2_43-8107aa99.pth",
    "d3": "tf_efficientdet_d3_47-0b525f35.pth",
    "d4": "tf_efficientdet_d4_49-f56376d9.pth",
    "d5": "tf_efficientdet_d5_51-c79f9be6.pth",
    "d6": "tf_efficientdet_d6_52-4eda3773.pth",
    "d7": "tf_efficientdet_d7_53-6d1d7a95.pth",
    "d7x": "tf_efficientdet_d7x-f390b87c.pth",
    "lite0": "tf_efficientdet_lite0-dfacfc78.pth",
    "lite1": "tf_efficientdet_lite1-6dc7ab30.pth",
    "lite2": "tf_efficientdet_lite2-86c5d55b.pth",
    "lite3": "tf_efficientdet_lite3-506852cb.pth",
    "lite3x": "tf_efficientdet_lite3x-8404c57b.pth",
    "lite4": "tf_efficientdet_lite4-391ddabc.pth",
}

CHECKPOINT_SUFFIXES = (".pth", ".safetensors", ".h5")


@dataclass(frozen=True)
class ReleaseFile:
    """One file of the release, and where `weights pull` keeps it.

    Attributes
    ----------
    variant
        Canonical name of the variant.
    name
        Name of the file.
    path
        Path of the downloaded file, whether it exists or not.
    """

    variant: str
    name: str
    path: Path

    @property
    def hash_prefix(self) -> str:
        """The first hexadecimal digits of the file's sha256, from its name."""
        return Path(self.name).stem.rpartition("-")[2]


def weights_folder() -> Path:
    """Return the folder of downloaded checkpoints: in $EDGE_EDET_HOME, else in the user's cache folder.

    Returns
    -------
    Path
        The folder, which need not exist.
    """
    return cache_folder("weights")


def release_file(variant_name: str) -> ReleaseFile:
    """Return the release's file of a variant.

    Parameters
    ----------
    variant_name
        Such as d0.

    Returns
    -------
    ReleaseFile
        Its address and size.

    Raises
    ------
    InputError
        If there is no variant of that name.
    """
    variant = get_variant(variant_name).name
    name = RELEASE[variant]
    return ReleaseFile(variant, name, weights_folder() / name)


def find_pulled(variant_name: str) -> Path | None:
    """Return the path of a variant's downloaded checkpoint, or None.

    Parameters
    ----------
    variant_name
        Such as d0.

    Returns
    -------
    Path | None
        The path.

    Raises
    ------
    InputError
        If there is no variant of that name.
    CheckpointError
        If the file's sha256 does not start with the digits in its name.
    """
    file = release_file(variant_name)
    if not file.path.is_file():
        return None
    digest = sha256_input(file.path, kind="checkpoint")
    if not digest.startswith(file.hash_prefix):
        raise CheckpointError(
            f"{str(file.path)!r} is damaged: its sha256 is {digest[:8]}..., expected "
            f"{file.hash_prefix}...; delete it and run 'edge-edet weights pull {variant_name}'"
        )
    return file.path


def bundled() -> list[Path]:
    """Return the paths of the checkpoints that come with the package, sorted.

    Returns
    -------
    list[Path]
        Paths.
    """
    found = []
    folder = files("edge_edet").joinpath("assets")
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.name.endswith(CHECKPOINT_SUFFIXES):
            with as_file(entry) as path:
                found.append(path)
    return sorted(found)
