"""Requests about measurements: start one, follow it from anywhere, stop it."""

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from edge_edet.devices.remote.agent.frames import BEAT_S, RequestError, lock, send

__all__ = ["follow", "running", "start", "stop"]

POLL_S = 0.25  # of the output; seldom, because polling disturbs what is measured
LEASE_S = 600.0  # a measurement that nobody follows for this long is ended
MAX_READ = 64 << 20  # of output at once; longer than any line
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def running(base: Path) -> "list[str] | None":
    """Find the running measurement: [job, owner], or None."""
    for root in base.glob("jobs/*"):
        if (root / "pid").exists() and (root / "owner").exists() and _alive(root):
            return [root.name, (root / "owner").read_text()]
    return None


def start(base: Path, job: str, command: "list[str]", owner: str = "") -> None:
    """Run the command detached, unless this job was started already; `running` returns its owner."""
    root = base / "jobs" / job
    if (root / "pid").exists():
        return
    held = lock(base / "lock")
    if held is None:
        text = "it is busy with another measurement: two at once would disturb each other"
        raise RequestError("busy", text)
    root.mkdir(parents=True, exist_ok=True)
    (root / "followed").touch()
    (root / "owner").write_text(owner)
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        os.close(held)  # the child keeps it
        with os.fdopen(reader) as file:
            file.read()  # until the child has written its id
        return
    try:
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        _write(root / "pid", f"{os.getpid()} {_boot()}")
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.close(writer)
        _supervise(root, command)
    finally:
        os._exit(0)


def _supervise(root: Path, command: "list[str]") -> None:
    """Wait for the command; end it when nobody follows any more."""
    with (root / "out").open("ab") as out, (root / "err").open("ab") as err:
        process = subprocess.Popen(
            command, cwd=str(root), stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
    done = threading.Event()

    def watch() -> None:
        seen, since = 0, time.monotonic()  # the wall clock of a board may jump by months
        while not done.wait(BEAT_S):
            touched = (root / "followed").stat().st_mtime_ns
            if touched != seen:
                seen, since = touched, time.monotonic()
            elif time.monotonic() - since > LEASE_S:
                process.terminate()

    threading.Thread(target=watch, daemon=True).start()
    status = process.wait()
    done.set()
    _write(root / "exit", str(status))


def follow(base: Path, job: str, out: int, err: int) -> int:
    """Send the job's lines from these offsets on, as they come; returns its exit status."""
    root = base / "jobs" / job
    if not (root / "pid").exists():
        raise RequestError("gone", "the measurement does not exist any more")
    offsets = {"err": err, "out": out}
    beaten = -BEAT_S
    while True:
        ended = (root / "exit").exists() or not _alive(root)
        sent = sum([_send_lines(root, stream, offsets, ended) for stream in offsets])
        if ended:
            break
        if sent == 0:
            time.sleep(POLL_S)
        if time.monotonic() - beaten > BEAT_S:
            beaten = time.monotonic()
            (root / "followed").touch()
            send(beat=1)
    if not (root / "exit").exists():
        raise RequestError(
            "gone", "the measurement stopped before its end: was the board restarted?"
        )
    return int((root / "exit").read_text())


def _send_lines(root: Path, stream: str, offsets: "dict[str, int]", ended: bool) -> int:
    """Send whole lines only; the beginning of a line waits for its end, or for that of the job."""
    if not (root / stream).exists():
        return 0
    with (root / stream).open("rb") as file:
        file.seek(offsets[stream])
        data = file.read(MAX_READ)
    lines = data.split(b"\n")
    rest = lines.pop()
    for line in lines:
        offsets[stream] += len(line) + 1
        send(stream=stream, at=offsets[stream], line=line.decode("utf-8", "replace"))
    if ended and rest:
        offsets[stream] += len(rest)
        send(stream=stream, at=offsets[stream], line=rest.decode("utf-8", "replace"))
    return len(data) - (0 if ended else len(rest))


def stop(base: Path, job: str) -> None:
    """End the job, if it runs, and remove its folder."""
    root = base / "jobs" / job
    if (root / "pid").exists():
        for wanted in [signal.SIGTERM] * 50 + [signal.SIGKILL] * 10:
            if not _alive(root):
                break
            os.killpg(_pid(root)[0], wanted)
            time.sleep(0.1)
    shutil.rmtree(str(root), ignore_errors=True)


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def _pid(root: Path) -> "tuple[int, str]":
    """Read the process id of the job, and the boot of the machine that it belongs to."""
    pid, boot = (root / "pid").read_text().split()
    return int(pid), boot


def _boot() -> str:
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "-"


def _alive(root: Path) -> bool:
    pid, boot = _pid(root)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return boot == _boot() and stat.rpartition(")")[2].split()[0] != "Z"
