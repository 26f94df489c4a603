"""The agent by itself: what no connection from here can show."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_edet.devices.boards.recognition import EVIDENCE_FILES
from edge_edet.devices.remote.agent import jobs
from edge_edet.devices.remote.agent.files import EVIDENCE
from edge_edet.devices.remote.channel.channel import MODULES, bootstrap
from edge_edet.devices.remote.process_owner import is_gone, this_process

AGENT = Path(jobs.__file__).parent


def test_the_agent_reads_what_recognition_needs() -> None:
    """Two tables, because the agent stands alone: nothing of edge-edet is on the board yet."""
    assert {name: f"/{path}" for name, path in EVIDENCE_FILES.items()} == EVIDENCE


def test_a_measurement_that_nobody_follows_ends(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from edge_edet.devices.remote.agent import jobs; "
        "jobs.LEASE_S, jobs.BEAT_S = 0.3, 0.05; "
        f"jobs.start(Path({str(tmp_path)!r}), 'j', [{sys.executable!r}, '-c', "
        "'import time; time.sleep(60)'])"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    end = tmp_path / "jobs" / "j" / "exit"
    for _ in range(200):
        if end.exists():
            break
        time.sleep(0.05)
    assert end.read_text() == "-15"


def test_a_number_of_another_start_of_the_machine_is_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pid").write_text(f"{Path('/proc/self').resolve().name} {jobs._boot()}")
    assert jobs._alive(tmp_path)
    monkeypatch.setattr(jobs, "BOOT_ID", tmp_path / "boot_id")
    (tmp_path / "boot_id").write_text("another\n")
    assert not jobs._alive(tmp_path)


@pytest.mark.parametrize("path", sorted(AGENT.glob("*.py")), ids=lambda path: path.stem)
def test_an_old_python_can_read_it(path: Path) -> None:
    """So that a board with Python 3.6 gets as far as saying so."""
    text = path.read_text()
    tree = ast.parse(text, feature_version=(3, 6))
    assert "from __future__" not in text
    for node in ast.walk(tree):
        imported = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        imported += [one.name for one in node.names] if isinstance(node, ast.Import) else []
        for name in imported:
            own = name.startswith("edge_edet.devices.remote.agent.")
            assert own or name.partition(".")[0] in sys.stdlib_module_names, name


def test_all_of_it_is_sent_in_the_order_of_its_imports() -> None:
    assert {path.stem for path in AGENT.glob("*.py")} == {*MODULES, "__init__"}
    code, program = bootstrap("/nowhere/it's")
    assert "'" not in code  # it is quoted with them
    script = f"{code}\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], input=program, capture_output=True
    )
    assert done.stdout == b'{"hello": 1}\n'
    assert done.stderr == b""


def test_an_owner_is_gone_when_its_process_is() -> None:
    code = "from edge_edet.devices.remote.process_owner import this_process; print(this_process())"
    owner = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert is_gone(owner)
    assert not is_gone(this_process())
    document = json.loads(this_process())
    assert is_gone(json.dumps([*document[:-1], "1"]))  # its number, but another process
    assert not is_gone(json.dumps(["another machine", *json.loads(owner)[1:]]))
    assert not is_gone("")
