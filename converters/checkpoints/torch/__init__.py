"""Read PyTorch's `.pth` files without torch, and without running code from them."""

from __future__ import annotations

from edge_edet.converters.checkpoints.torch.file import TorchFile, read_torch_legacy, read_torch_zip

__all__ = ["TorchFile", "read_torch_legacy", "read_torch_zip"]
