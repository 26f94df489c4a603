"""A real sshd on loopback: its own host key, port, user key and configuration, all in one folder."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge_edet import BackendError
from edge_edet.devices.emulation.arm_root import prepare
from edge_edet.devices.emulation.qemu import find_qemu
from edge_edet.devices.remote.hosts import Host

SSHD = "/usr/sbin/sshd"
USER = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")


@dataclass
class Sshd:
    """The server, and how its client is called."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def host(self, name: str = "pi", **settings: object) -> Host:
        given = {"folder": str(self.folder / "board"), "python": "python3", **settings}
        ssh = str(given.pop("ssh", f"{USER}@127.0.0.1"))
        options = ("-F", str(self.folder / "client"), "-p", str(self.port))
        return Host(name, ssh=ssh, options=options, **given)  # type: ignore[arg-type]

    def connections(self) -> list[int]:
        """The server's processes that hold a connection."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        )
        return [int(word) for word in listed.stdout.split()]

    def cut(self) -> int:
        """Kills the connections; how many there were."""
        found = self.connections()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):  # it ends by itself
                os.kill(pid, signal.SIGKILL)
        return len(found)


def need(program: str) -> None:
    if shutil.which(program) is None:
        reason = f"no {program}: apt-get install openssh-server openssh-client"
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def load_tests() -> Callable[[str], Any]:
    """load_tests(path) is the module of other tests, for what they make."""

    def load(name: str) -> Any:
        path = Path(__file__).resolve().parents[1] / name
        spec = importlib.util.spec_from_file_location(f"other_{path.parent.name}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def tiny_int8(load_tests: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest model, built as the runtime's tests build theirs."""
    build = load_tests("runtime/conftest.py").build_tiny.__wrapped__()
    model: Path = build(tmp_path_factory.mktemp("tiny") / "tiny-int8.tflite", int8=True)
    return model


@pytest.fixture(scope="session")
def arm_root() -> Path:
    """build/aarch64-root, filled."""
    try:
        find_qemu()
        return prepare(Path(__file__).resolve().parents[2] / "build" / "aarch64-root")
    except BackendError as error:
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def start_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Sshd]]:
    """start_sshd() makes a new one; all end with the session."""
    started: list[Sshd] = []

    def start() -> Sshd:
        for program in (SSHD, "ssh", "ssh-keygen"):
            need(program)
        folder = tmp_path_factory.mktemp("sshd")
        for name in ("host_key", "user_key", "other_key"):
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(keygen, check=True)
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        Path("/run/sshd").mkdir(exist_ok=True)
        (folder / "server").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nPidFile none\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nStrictModes no\n"
            "PermitRootLogin prohibit-password\n"
        )
        key = (folder / "host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
        (folder / "client").write_text(
            f"UserKnownHostsFile {folder}/known_hosts\nGlobalKnownHostsFile none\n"
            f"StrictHostKeyChecking yes\nIdentitiesOnly yes\nIdentityFile {folder}/user_key\n"
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(folder / "server")], stderr=log, stdout=log
            )
        started.append(Sshd(folder, port, process))
        _wait_for(port)
        return started[-1]

    yield start
    for one in started:
        one.cut()
        one.process.terminate()
        one.process.wait()


@pytest.fixture(scope="session")
def sshd(start_sshd: Callable[[], Sshd]) -> Sshd:
    return start_sshd()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"sshd does not listen on port {port}")


@pytest.fixture(scope="session")
def target_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The bundled D0 in what targets tell apart; the key is what stands behind d0-."""
    import edge_edet

    folder = tmp_path_factory.mktemp("targets")
    both = ("fp32", "int8")
    options: dict[str, Any] = {"weights": "bundled", "output": folder}
    edge_edet.convert(["d0"], both, formats=["tflite", "openvino", "onnx"], **options)
    edge_edet.convert(["d0"], both, formats=["tflite", "openvino"], nms="in-graph", **options)
    edge_edet.convert(
        ["d0"], ["fp32"], formats=["tflite"], nms="in-graph", input_dtype="float32", **options
    )
    for more in (
        {"output_dtype": "uint8"},
        {"output_dtype": "float32"},
        {"output_dtype": "float32", "input_dtype": "int8"},
    ):
        edge_edet.convert(["d0"], ["int8"], formats=["tflite"], **options, **more)
    files = [path for path in folder.iterdir() if path.suffix in (".tflite", ".xml", ".onnx")]
    return {path.name.removeprefix("d0-"): path for path in files}
