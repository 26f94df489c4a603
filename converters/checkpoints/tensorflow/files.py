"""Find the files of a TensorFlow checkpoint, and refuse TensorFlow's files that are no checkpoint.

A folder's file `checkpoint` names the newest one (tensorflow/python/training/checkpoint_state.proto);
an export of the Object Detection API has `checkpoint/`, `saved_model/` and pipeline.config side by side
(research/object_detection/exporter_lib_v2.py).
"""

from __future__ import annotations

import re
from pathlib import Path

from edge_edet.converters.checkpoints.file_bytes import read_limited
from edge_edet.errors import CheckpointError

__all__ = ["bundle_files", "checkpoint_prefix", "choice_notes", "refuse_export"]

_STATE = "checkpoint"
_MAX_STATE_BYTES = 1 << 16
_NEWEST = re.compile(r"""^\s*model_checkpoint_path\s*:\s*["']?([^"']*)["']?\s*$""")
_SAVED_MODEL = "saved_model.pb"
_LISTED = 5


def checkpoint_prefix(path: Path) -> Path | None:
    """Find the prefix of a checkpoint.

    Parameters
    ----------
    path
        A folder, a prefix, or one of the checkpoint's files.

    Returns
    -------
    Path or None
        None: it is no TensorFlow checkpoint.

    Raises
    ------
    CheckpointError
        When a folder has several checkpoints and no file `checkpoint` that names one of them.
    """
    if path.is_dir():
        return _in_folder(path)
    if path.name == _STATE and path.is_file():
        return _in_folder(path.parent)
    if path.suffix == ".index" or path.suffix.startswith(".data-"):
        return path.with_suffix("")
    if not path.exists() and Path(f"{path}.index").is_file():
        return path
    return None


def _in_folder(folder: Path) -> Path | None:
    state = folder / _STATE
    found = _prefixes(folder)
    if state.is_file():
        for line in read_limited(state)[:_MAX_STATE_BYTES].decode(errors="replace").splitlines():
            if match := _NEWEST.match(line):
                # the folder may have been moved; also paths of Windows
                newest = folder / re.split(r"[\\/]", match[1])[-1]
                if found and newest not in found:
                    raise CheckpointError(
                        f"has a file 'checkpoint' that names {newest.name} as the newest, which is not "
                        f"there: give one of {_list(found)}"
                    )
                return newest
    if state.is_dir() and not found:
        return _in_folder(state)
    if len(found) > 1:
        raise CheckpointError(
            f"holds {len(found)} checkpoints and no file 'checkpoint' that says which is the newest: "
            f"give one of {_list(found)}"
        )
    return found[0] if found else None


def _prefixes(folder: Path) -> list[Path]:
    return [path.with_suffix("") for path in sorted(folder.glob("*.index"))]


def _list(prefixes: list[Path]) -> str:
    more = f" and {len(prefixes) - _LISTED} more" if len(prefixes) > _LISTED else ""
    return ", ".join(prefix.name for prefix in prefixes[:_LISTED]) + more


def choice_notes(path: Path, prefix: Path) -> tuple[str, ...]:
    """State which of several checkpoints of a folder was taken; empty if there was no choice.

    Parameters
    ----------
    path
        What was given.
    prefix
        What was taken.

    Returns
    -------
    tuple[str, ...]
        Sentences.
    """
    count = len(_prefixes(prefix.parent))
    if count < 2 or not (path.is_dir() or path.name == _STATE):
        return ()
    return (f"{prefix.name} of {count} checkpoints, the newest by the file 'checkpoint'",)


def bundle_files(prefix: Path) -> list[Path]:
    """List the index and the data shards of a checkpoint, in order.

    Parameters
    ----------
    prefix
        Path of the checkpoint, without .index.

    Returns
    -------
    list[Path]
        Paths.
    """
    return [Path(f"{prefix}.index"), *sorted(prefix.parent.glob(f"{prefix.name}.data-*"))]


def refuse_export(path: Path) -> None:
    """Raise CheckpointError, which says what to give instead, for a SavedModel or a graph.

    Parameters
    ----------
    path
        What was given.

    Raises
    ------
    CheckpointError
        For a SavedModel or a graph; the message says what to give instead.
    """
    for folder in (path, path.parent, path.parent.parent):  # of variables/variables.index
        inside = folder == path or path.name == _SAVED_MODEL or path.parent.name == "variables"
        if inside and (folder / _SAVED_MODEL).is_file() and not (folder / _STATE).exists():
            beside = folder.resolve().parent / _STATE
            raise CheckpointError(
                "is a SavedModel, a program with its weights, not a checkpoint: give "
                + (
                    f"{str(beside)!r}"
                    if beside.exists()
                    else "the folder with the .index and .data-* "
                    "files, in an export of the Object Detection API checkpoint/ beside saved_model/"
                )
            )
    if path.suffix in (".pb", ".pbtxt") and path.is_file():
        raise CheckpointError(
            "is a graph, frozen or without weights, not a checkpoint: give the .index file that lies "
            "beside its .data-* files"
        )
    if path.suffix == ".meta" and path.is_file():
        raise CheckpointError(
            f"is the graph of a checkpoint, without weights: give {path.with_suffix('.index').name}"
        )
