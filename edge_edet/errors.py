"""The errors, one class per thing that the caller can do about it.

EdgeEdetError              exit status 1: something failed
├── InputError             exit status 2: what the caller gave is wrong
│   ├── CheckpointError        the weights file: truncated, hostile, of another network
│   ├── ModelFileError         the model file or its manifest: truncated, unknown, contradictory
│   └── ImageError             a picture that cannot be read or is too large
├── MissingExtraError      a package is not installed; the message has the pip command
└── BackendError           the runtime, a delegate or a device refused; the message says why

PictureWarning             no error: a picture that is read, but probably not as it was meant
"""

from __future__ import annotations

__all__ = [
    "BackendError",
    "CheckpointError",
    "EdgeEdetError",
    "ImageError",
    "InputError",
    "MissingExtraError",
    "ModelFileError",
    "PictureWarning",
]


class EdgeEdetError(Exception):
    """Base of every error that edge-edet raises on purpose. Its text is one line."""

    exit_status = 1


class InputError(EdgeEdetError):
    """An argument or a file from the caller is not what it must be."""

    exit_status = 2


class CheckpointError(InputError):
    """A weights file is unreadable, hostile, or does not fit the network."""


class ModelFileError(InputError):
    """A model file or its manifest is truncated, unknown or contradictory."""


class ImageError(InputError):
    """A picture cannot be decoded or is larger than the limit."""


class MissingExtraError(EdgeEdetError):
    """An optional package is missing; the message carries the pip command."""


class BackendError(EdgeEdetError):
    """A runtime, delegate or device refused to load or to run."""


class PictureWarning(UserWarning):
    """A picture was read, but probably not as it was meant; the text says what to do."""
