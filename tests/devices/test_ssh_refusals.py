"""What can be wrong with a board is said in one line, before anything is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_edet import BackendError, EdgeEdetError, InputError
from edge_edet.devices.remote import hosts, ssh
from edge_edet.devices.remote.agent_transport import AgentTransport
from edge_edet.devices.remote.hosts import find_host, known_hosts


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def attempt(sshd: Any, tmp_path: Path) -> Callable[..., EdgeEdetError]:
    """The error of preparing a host with these settings."""

    def error_of(**settings: Any) -> EdgeEdetError:
        given = {"folder": str(tmp_path / "board"), "environment": sys.prefix, **settings}
        more = tuple(given.pop("options", ()))
        host = sshd.host(**given)
        host = hosts.Host(**{**host.to_dict(), "options": (*more, *host.options)})
        with pytest.raises(EdgeEdetError) as caught:
            ssh.connect(host).prepare()
        assert caught.value.exit_status == 1
        assert "\n" not in str(caught.value)
        assert str(caught.value).count("\n") == 0
        return caught.value

    return error_of


def test_a_wrong_key(attempt: Callable[..., EdgeEdetError], sshd: Any) -> None:
    error = attempt(options=("-o", f"IdentityFile={sshd.folder}/other_key"), ssh="nobody@127.0.0.1")
    assert str(error).startswith("pi refuses the login: it accepts none of ssh's keys; try 'ssh ")
    assert str(error).endswith("or copy yours there with 'ssh-copy-id nobody@127.0.0.1'")


def test_no_python(attempt: Callable[..., EdgeEdetError]) -> None:
    error = attempt(python="python-of-nowhere")
    assert str(error).startswith("pi has no python-of-nowhere: install it there, or name another")


def test_an_unknown_host(attempt: Callable[..., EdgeEdetError]) -> None:
    error = attempt(ssh="pi@nowhere.invalid")
    assert str(error) == "unknown host 'pi@nowhere.invalid': it has no address"


def test_another_host_key(attempt: Callable[..., EdgeEdetError], tmp_path: Path) -> None:
    error = attempt(options=("-o", f"UserKnownHostsFile={tmp_path}/none"))
    assert str(error).startswith(
        "pi is unknown to ssh, or another machine than before: its host key is not"
    )


def test_nobody_listens(attempt: Callable[..., EdgeEdetError]) -> None:
    error = attempt(options=("-p", "1"))
    assert str(error).startswith(
        "pi cannot be reached: ssh: connect to host 127.0.0.1 port 1: Conn"
    )


def test_no_ssh_here(
    attempt: Callable[..., EdgeEdetError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert str(attempt()) == "there is no ssh on this machine: 'apt install openssh-client'"


def test_an_old_python(attempt: Callable[..., EdgeEdetError], tmp_path: Path) -> None:
    old = script(
        tmp_path / "python3.9",
        f'exec {sys.executable} -c "import sys; sys.version_info = (3, 9, 2); $2"',
    )
    error = attempt(python=old)
    assert str(error).startswith("pi has Python 3.9.2, but edge-edet needs 3.10 or newer: install")


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        pytest.param(
            "import platform; platform.machine = lambda: 'armv7l'",
            "pi runs 64-bit programs on armv7l, but runtimes have wheels for 64-bit aarch64",
            id="32-bit ARM",
        ),
        pytest.param(
            "import sys; sys.maxsize = 2**31 - 1",
            "pi runs 32-bit programs on ",
            id="32-bit programs on a 64-bit kernel",
        ),
    ],
)
def test_another_architecture(
    attempt: Callable[..., EdgeEdetError], tmp_path: Path, patch: str, message: str
) -> None:
    python = script(tmp_path / "python", f'exec {sys.executable} -c "{patch}; $2"')
    assert str(attempt(python=python)).startswith(message)


def test_another_board_than_it_is_named(attempt: Callable[..., EdgeEdetError]) -> None:
    error = attempt(board="jetson-nano")
    assert str(error).startswith(
        "pi is called jetson-nano, by --board or in hosts.toml, but it is "
    )
    assert str(error).endswith(": correct the one or the other")


def test_an_environment_of_ones_own_that_is_none(
    attempt: Callable[..., EdgeEdetError], tmp_path: Path
) -> None:
    assert str(attempt(environment=str(tmp_path))) == f"pi: there is no {tmp_path}/bin/python"
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin" / "python", "echo 0.0.1")
    error = attempt(environment=str(tmp_path))
    assert f"{tmp_path}/bin/python has edge-edet 0.0.1, but this is " in str(error)
    script(tmp_path / "bin" / "python", f"exec {sys.executable} -S -c 'import edge_edet'")
    assert "No module named 'edge_edet'" in str(attempt(environment=str(tmp_path)))


def test_no_venv(attempt: Callable[..., EdgeEdetError], tmp_path: Path) -> None:
    python = script(
        tmp_path / "python",
        f'[ "$1" = -m ] && exit 1\nexec {sys.executable} -c "import sys; sys.executable=\'$0\'; $2"',
    )
    error = attempt(python=python, environment=None)
    assert str(error).endswith("'sudo apt install python3-venv' there")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """1 MB, as tmpfs."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here; the next test forces the same error")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def connection(sshd: Any, folder: Path) -> AgentTransport:
    pi = ssh.connect(sshd.host(folder=str(folder), environment=sys.prefix))
    pi.prepare()
    return pi


def test_no_space_for_what_is_to_be_sent(sshd: Any, small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 1_500_000)
    with pytest.raises(BackendError) as caught:
        connection(sshd, small_disk / "board").push([tmp_path / "big"])
    assert str(caught.value).startswith("pi: 1.5 MB are to be sent, but ")
    assert "has 1.0 MB left; free some space there, remove what is left with 'edge-edet" in str(
        caught.value
    )


def test_the_disk_fills_up_while_a_file_arrives(
    sshd: Any, tmp_path: Path, attempt: Callable[..., EdgeEdetError]
) -> None:
    """A limit on the size of files stands in for the full disk; the line to the board holds."""
    (tmp_path / "big").write_bytes(os.urandom(1_500_000))
    patch = (
        "import errno, resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); errno.EDQUOT = errno.EFBIG"
    )
    python = script(tmp_path / "python", f'exec {sys.executable} -c "{patch}; $2"')
    folder = tmp_path / "board"
    pi = ssh.connect(sshd.host(folder=str(folder), environment=sys.prefix, python=python))
    pi.prepare()
    with pytest.raises(
        BackendError, match=r"^pi: file too large: .*; free some space there, remove wha"
    ):
        pi.push([tmp_path / "big"])
    assert list((folder / "files").iterdir()) == []
    (tmp_path / "small").write_bytes(b"y")
    assert Path(pi.push([tmp_path / "small"])[tmp_path / "small"]).read_bytes() == b"y"


@pytest.mark.parametrize("words", ["echo 'Welcome!'", r"printf '\033]0;pi@board: ~\007'"])
def test_what_a_login_shell_prints_does_no_harm(sshd: Any, tmp_path: Path, words: str) -> None:
    python = script(tmp_path / "python", f'{words}; exec {sys.executable} "$@"')
    pi = ssh.connect(sshd.host(folder=str(tmp_path / "b"), environment=sys.prefix, python=python))
    assert pi.prepare().system.endswith(sys.version.split()[0])


@pytest.mark.parametrize("text", ["-oProxyCommand=touch x", "", "pi@a b", "pi\n"])
def test_options_are_no_hosts(text: str) -> None:
    with pytest.raises(
        InputError, match=r"^--host: .* is not a host: expected user@machine, a Host"
    ):
        find_host(text, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[pi]\nssh = 1", r"\[pi\]: 'ssh' must be a string, but is 1$"),
        ("[pi]\nssh = '-x'", r"\[pi\], 'ssh': '-x' is not a host: expected user@machine"),
        ("[pi]\nhost = 'a'", r"\[pi\]: unknown key 'host': known are ssh, adb, board, python"),
        ("[pi]\npython = 'a'", r"\[pi\]: expected one of 'ssh' and 'adb', the way to reach"),
        ("[pi]\nssh = 'a'\nadb = 'b'", r"\[pi\]: expected one of 'ssh' and 'adb'"),
        ("[pi]\nssh = 'a'\ninternet = 1", r"\[pi\]: 'internet' must be true or false, but is 1$"),
        ("[pi]\nssh = 'a'\noptions = '-4'", r"\[pi\]: 'options' must be a list of strings, but is"),
        ("[pi]\nssh = 'a'\ndevice = 'rpi4'", r"\[pi\]: 'device' is now 'board'$"),
        ("pi = 'a'", r"'pi' must be a table, such as \[kitchen-pi\]$"),
        ("[pi", r"is not valid TOML: "),
    ],
)
def test_a_file_of_hosts_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        known_hosts(path)
    assert str(caught.value).startswith(str(path))


def test_hosts_are_named_once(tmp_path: Path) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text("[pi]\nssh = 'me@pi'\nboard = 'rpi4'\n[phone]\nadb = 'X1'\n")
    named = known_hosts(path)
    assert (named["pi"].ssh, named["pi"].board) == ("me@pi", "rpi4")
    assert find_host("phone", named).adb == "X1"
    assert find_host("adb:X2", named).adb == "X2"
    assert find_host("me@other", named).ssh == "me@other"
    assert known_hosts(tmp_path / "none.toml") == {}
