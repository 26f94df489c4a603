"""Writes the PyTorch goldens of this folder; ran with torch 2.13.0 (CPU).

    python make_torch_golden.py

`training.pth` and `legacy.pth` hold the same training state in both containers; `plain.npz` has
what the readers must find in them.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent


def main() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3))
    optimizer = torch.optim.Adam(net.parameters(), 0.1)
    net(torch.randn(2, 2, 4, 4)).sum().backward()
    optimizer.step()
    base = torch.arange(24, dtype=torch.float32)
    state = net.state_dict()
    state["transposed"] = base[4:16].reshape(3, 4).t()
    state["strided"] = base[1::5]
    state["expanded"] = base[3:4].expand(2, 2)
    state["empty"] = torch.zeros(0, 3)
    state["half"] = torch.tensor([1.5, -2.0], dtype=torch.float16)
    state["bfloat16"] = torch.tensor([1.0, -0.15625], dtype=torch.bfloat16)
    state["double"] = torch.tensor([0.1], dtype=torch.float64)
    state["parameter"] = torch.nn.Parameter(torch.ones(2))
    training = {
        "epoch": 3,
        "args": argparse.Namespace(lr=0.1, name="run"),
        "metric": np.float64(0.5),
        "device": torch.device("cpu"),
        "optimizer": optimizer.state_dict(),
        "state_dict": state,
    }
    torch.save(training, HERE / "torch/training.pth")
    torch.save(training, HERE / "torch/legacy.pth", _use_new_zipfile_serialization=False)
    np.savez_compressed(
        HERE / "torch/plain.npz",
        **{name: tensor.detach().to(torch.float64).numpy() for name, tensor in state.items()},
    )


if __name__ == "__main__":
    main()
