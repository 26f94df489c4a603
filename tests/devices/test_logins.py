"""What a login there may write before, between and instead of the agent's answers.

A stand-in `ssh` runs the command here, as a remote login shell would, and writes what start-up
files write. Threads of people: ansible/ansible#2268, mscdex/ssh2#509, MichaIng/DietPi#1703,
cylc/cylc-flow#2941.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_edet import BackendError
from edge_edet.cli import main
from edge_edet.devices.remote import hosts, ssh
from edge_edet.devices.remote.agent_transport import AgentTransport
from edge_edet.devices.remote.channel import greeting

RUN = 'exec sh -c "$last"'


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AgentTransport]:
    """login(script) is a board whose login runs it; $last is the command given to ssh."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setattr(greeting, "OPEN_S", 1.5)
    monkeypatch.setattr(greeting, "POLL_S", 0.1)
    (tmp_path / "bin").mkdir()

    def make(script: str, **settings: object) -> AgentTransport:
        path = tmp_path / "bin" / "ssh"
        path.write_text(f"#!/bin/bash\nfor last; do :; done\n{script}\n")
        path.chmod(0o755)
        given = {"folder": str(tmp_path / "board"), "environment": sys.prefix, **settings}
        host = hosts.Host("pi", ssh="me@board", **given)  # type: ignore[arg-type]
        return ssh.connect(host, patience_s=5)

    return make


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(r"printf '\033]0;pi@raspberrypi: ~\007'", id="a title"),
        pytest.param("printf 'Welcome! '", id="a word"),
        pytest.param("printf 'Welcome!\\r\\n'", id="a line of Windows"),
        pytest.param(r"printf '\377\376\200\000'", id="no UTF-8"),
        pytest.param("""printf '{"hello": '""", id="half of the greeting"),
        pytest.param("""echo '{"hello": 1}'""", id="the greeting"),
        pytest.param("""echo '{"a": 1}'; printf '[{"b": 2}] '""", id="JSON"),
        pytest.param("echo oops >&2", id="on stderr"),
        pytest.param(
            "for i in $(seq 20000); do echo line $i of a long motd, or so; done", id="1 MB"
        ),
        pytest.param("head -c 1000000 /dev/zero", id="1 MB without a line end"),
    ],
)
def test_what_is_written_before_does_no_harm(
    login: Callable[..., AgentTransport], before: str
) -> None:
    pi = login(f"{before}; {RUN}")
    assert pi.prepare().system.endswith(sys.version.split()[0])
    pi.close()


@pytest.mark.parametrize("late", ["echo late", "printf 'late '"])
def test_what_a_job_of_the_login_writes_later_does_no_harm(
    login: Callable[..., AgentTransport], tmp_path: Path, late: str
) -> None:
    (tmp_path / "file").write_text("x")
    pi = login(f"(for i in $(seq 60); do sleep 0.02; {late}; done)& {RUN}")
    pi.prepare()
    there = pi.push([tmp_path / "file"])
    assert Path(there[tmp_path / "file"]).read_text() == "x"
    pi.close()


@pytest.mark.parametrize("shell", ["bash", "dash", "tcsh", "fish", "zsh"])
def test_shells(login: Callable[..., AgentTransport], shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}: apt-get install {shell}")
    pi = login(f'exec {shell} -c "$last"')
    assert pi.prepare().system.endswith(sys.version.split()[0])
    pi.close()
    with pytest.raises(BackendError, match=r"^pi has no python-of-nowhere: install it there, or"):
        login(f'exec {shell} -c "$last"', python="python-of-nowhere").prepare()


LOOK = "; look with 'ssh me@board python3 -V'"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param(
            "echo 'This account is currently not available.'; exit 1",
            "pi does not answer as expected: it ended with status 1; what came instead: 'This "
            f"account is currently not available.'{LOOK}",
            id="no shell",
        ),
        pytest.param(
            "echo 'WARNING: Your password has expired.'; "
            "echo 'Password change required but no TTY available.' >&2; exit 1",
            "pi does not answer as expected: it ended with status 1; what came instead: 'WARNING: "
            "Your password has expired.', and on stderr 'Password change required but no TTY "
            "available.'; log in with 'ssh me@board' and set a new one",
            id="an expired password",
        ),
        pytest.param(
            "printf '\\033[1mEnter your code: \\033[0m'; sleep 60",
            "pi did not answer within 2 s, in which Python was to start there; what came instead: "
            f"'Enter your code:'{LOOK}",
            id="a question",
        ),
        pytest.param(
            "printf '1) Shell\\n2) Restart\\nChoose: \\a'; sleep 60",
            "pi did not answer within 2 s, in which Python was to start there; what came instead: "
            f"'1) Shell' ... 'Choose: \\x07'{LOOK}",
            id="a menu",
        ),
        pytest.param(
            "sleep 60",
            f"pi did not answer within 2 s, in which Python was to start there; nothing came{LOOK}",
            id="silence",
        ),
        pytest.param(
            "exit 3",
            f"pi does not answer as expected: it ended with status 3; nothing came{LOOK}",
            id="an end without a word",
        ),
        pytest.param(
            "exec yes nobody is here, nobody will be here, and nobody has been here",
            "pi wrote 4 MB instead of an answer; what came instead: 'nobody is here, nobody will be "
            f"here, and nobody has been here' ... 'nobody is here, nobody will be here, and nobody "
            f"has been here'{LOOK}",
            id="lines without end",
        ),
        pytest.param(
            "exec tr '\\0' x < /dev/zero",
            f"pi wrote 4 MB instead of an answer; what came instead: '{'x' * 77}...'{LOOK}",
            id="a line without end",
        ),
        pytest.param(
            "(head -c 5000000 /dev/zero; echo; echo no) >&2; sleep 60",
            f"pi wrote 4 MB instead of an answer; what came instead: 'no'{LOOK}",
            id="too much on stderr",
        ),
        pytest.param(
            "echo 'bash: line 1: /usr/bin/python3: Permission denied' >&2; exit 126",
            "pi does not answer as expected: it ended with status 126; what came instead: 'bash: "
            f"line 1: /usr/bin/python3: Permission denied'{LOOK}",
            id="a Python that may not be run is no refused login",
        ),
        pytest.param(
            "echo '/home/me/.bashrc: line 9: exec: zsh: not found' >&2; exit 127",
            "pi does not answer as expected: it ended with status 127; what came instead: "
            f"'/home/me/.bashrc: line 9: exec: zsh: not found'{LOOK}",
            id="another program than Python is not there",
        ),
        pytest.param(
            "exec bash",
            "pi starts another shell at login and drops the command: does a start-up file there, "
            "such as .bashrc, end with 'exec'? 'ssh me@board python3 -V' must print a version",
            id="exec in .bashrc: the shell reads the agent",
        ),
        pytest.param(
            "printf '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\\nHost key verification "
            "failed.\\n' >&2; exit 255",
            "pi is unknown to ssh, or another machine than before: its host key is not the one in "
            "known_hosts; "
            "if it was set up anew, remove the old key with 'ssh-keygen -R board'; look with "
            "'ssh me@board'",
            id="a board that was set up anew",
        ),
    ],
)
def test_what_came_instead_is_named(
    login: Callable[..., AgentTransport], script: str, message: str
) -> None:
    with pytest.raises(BackendError) as caught:
        login(script).prepare()
    assert str(caught.value) == message


def test_the_command_names_it_too(
    login: Callable[..., AgentTransport], capsys: pytest.CaptureFixture[str]
) -> None:
    login("echo 'Down for repairs.'; exit 1")
    for option in ("--check", "--clean"):
        assert main(["devices", option, "me@board"]) == 1
        assert capsys.readouterr().err == (
            "edge-edet: error: me@board does not answer as expected: it ended with status 1; what "
            "came instead: 'Down for repairs.'; look with 'ssh me@board python3 -V'\n"
        )


def test_a_frame_with_something_in_its_middle_is_asked_for_again(
    login: Callable[..., AgentTransport], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first connection breaks the first answer; nothing of it is taken."""
    pi = login(
        f"[ -e {tmp_path}/again ] && {RUN}\ntouch {tmp_path}/again\n"
        """sh -c "$last" | sed -u 's/{"done": {"python"/{"done": hi {"python/'"""
    )
    assert pi.prepare().system.endswith(sys.version.split()[0])
    assert "pi: the connection broke; trying again in 0.5 s\n" in capsys.readouterr().err
    pi.close()


def test_a_device_is_no_host() -> None:
    said = "ssh: Could not resolve hostname rpi4: Name or service not known"
    error = ssh.explain(hosts.Host("rpi4", ssh="rpi4"), 255, said)
    assert str(error) == (
        "unknown host 'rpi4': it has no address; rpi4 is a kind of board, a host is such "
        "as pi@192.168.1.7"
    )


def test_a_folder_that_cannot_be_written(login: Callable[..., AgentTransport]) -> None:
    with pytest.raises(
        BackendError, match=r"^pi: .*: /proc/board; name a writable folder in hosts"
    ):
        login(RUN, folder="/proc/board").prepare()
