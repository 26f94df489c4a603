"""Requests to the agent on a device, over the pipes of a command that may break and be started again.

A broken connection is opened again, after pauses that grow, and the request is repeated: the agent
continues its answer. The agent's package describes the requests.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from edge_edet.devices.remote.channel.greeting import await_hello
from edge_edet.devices.remote.channel.line_reader import LineReader
from edge_edet.devices.remote.channel.what_came import frame_of
from edge_edet.errors import EdgeEdetError
from edge_edet.terminal import Progress

__all__ = ["GIVE_UP_S", "READ_BY_SHELL", "AgentError", "Channel", "bootstrap"]

MODULES = ("frames", "files", "environment", "jobs", "serve")
SILENCE_S = 20.0  # the agent sends a frame every 5 s while it works
GIVE_UP_S = 600.0  # without a connection
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
END_S = 5.0  # for a command that is about to end
CHUNK = 1 << 16
READ_BY_SHELL = 97  # exit status
MAX_SAID = 1 << 16  # bytes of stderr that are kept, from its end
KEYS = {"beat", "progress", "stream", "done", "error"}  # every frame of an answer has one of them

# The modules are made of their text, under their own names, without files. The first line is a string
# to Python; a shell that reads it, because a start-up file ended in 'exec zsh', runs 'exit' and nothing
# of the rest.
LOADER = """"exit" "%d"
import json, sys, types
for name, text in json.loads(%r).items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
sys.modules["edge_edet.devices.remote.agent.serve"].serve(%r)
"""


class AgentError(Exception):
    """The answer {"error": [code, text]}; its arguments are code and text."""


class _LostError(Exception):
    """The connection ended or cannot be used any more; its text says why, if known."""


def bootstrap(folder: str) -> tuple[str, bytes]:
    """Make what starts the agent.

    Parameters
    ----------
    folder
        Where the agent keeps everything, ~ allowed.

    Returns
    -------
    code : str
        Python code for `python -c`, free of quotes that a shell would need escaped.
    program : bytes
        What the code reads from stdin first: the agent itself.
    """
    texts = {}
    for name in MODULES:
        module = import_module(f"edge_edet.devices.remote.agent.{name}")
        texts[module.__name__] = Path(str(module.__file__)).read_text("utf-8")
    program = (LOADER % (READ_BY_SHELL, json.dumps(texts), folder)).encode("utf-8")
    return f"import sys;exec(sys.stdin.buffer.read({len(program)}).decode())", program


class Channel:
    """A connection to the agent, opened on first use and again after it broke.

    Parameters
    ----------
    command
        Runs a Python with the code of `bootstrap`.
    program
        What that code reads first.
    name
        Of the device, for messages.
    explain
        Makes the error for a command that ends before the agent answers, from its exit status, what it
        wrote to stderr, a description of what it wrote to stdout instead, and the reason why it was ended
        ("": it ended by itself).
    patience_s
        How long to try to connect again.

    Attributes
    ----------
    lost
        Whether the connection broke for good.
    """

    def __init__(
        self,
        command: Sequence[str],
        program: bytes,
        name: str,
        explain: Callable[[int, str, str, str], EdgeEdetError],
        patience_s: float = GIVE_UP_S,
    ):
        self._command, self._program = list(command), program
        self._name, self._explain, self._patience_s = name, explain, patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._reader: LineReader | None = None
        self._came = ""  # what came before the agent, described
        self.lost = False  # for good
        self._reached = False  # once; only then a failure is worth another try

    def call(
        self,
        request: dict[str, Any],
        body: Path | None = None,
        what: str = "",
        patience_s: float | None = None,
    ) -> Any:
        """Send a request and return its result; progress goes to stderr.

        Parameters
        ----------
        request
            "do" is the name of the request, the rest its arguments.
        body
            A file to send after the request.
        what
            Names the file in the progress bar.
        patience_s
            How long to try to connect again; None: as long as the channel does.

        Returns
        -------
        Any
            The result, as parsed JSON.

        Raises
        ------
        AgentError
            When the agent answers with an error.
        EdgeEdetError
            When there is no connection.
        """
        result = None
        for frame in self.frames(request, body, what, patience_s):
            if "progress" in frame:
                print(f"{self._name}: {frame['progress']}", file=sys.stderr, flush=True)
            result = frame.get("done", result)
        return result

    def frames(
        self,
        request: dict[str, Any],
        body: Path | None = None,
        what: str = "",
        patience_s: float | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Send a request and yield the frames of its answer, up to the last, {"done": result}.

        The request may be changed while the frames come: when the connection breaks, it is sent again as
        it is then. Parameters and errors are those of `call`.

        Parameters
        ----------
        request
            "do" is the name of the request, the rest its arguments.
        body
            A file to send after the request.
        what
            Names the file in the progress bar.
        patience_s
            How long to try to connect again; None: as long as the channel does.

        Yields
        ------
        dict[str, Any]
            Each frame, as parsed JSON.

        Raises
        ------
        AgentError
            When the agent answers with an error.
        EdgeEdetError
            When there is no connection.
        """
        limit = self._patience_s if patience_s is None else patience_s
        pause, last = FIRST_PAUSE_S, time.monotonic()
        while True:
            whole = False
            try:
                self._open()
                self._write(request, body, what)
                for frame in self._answer():
                    pause, last = FIRST_PAUSE_S, time.monotonic()
                    yield frame
                whole = True
                return
            except AgentError:
                whole = True
                raise
            except _LostError as error:
                reason = self._end(str(error))
                if not self._reached or time.monotonic() - last + pause > limit:
                    self.lost = True
                    raise reason from error
                note = f"{self._name}: the connection broke; trying again in {pause:g} s"
                print(note, file=sys.stderr, flush=True)
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            finally:
                if not whole:
                    self.close()  # the rest of this answer must not be taken for the next one

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._process is not None:
            self._end("")

    def _open(self) -> None:
        if self._process is not None:
            return
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed by _end
        self._reader, self._came = None, ""
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,  # Ctrl-C must not end the connection that ends the rest
            )
        except OSError as error:
            raise self._explain(127, str(error), "", "") from None
        assert self._process.stdout is not None
        self._reader = LineReader(self._process.stdout)
        with contextlib.suppress(_LostError):  # await_hello then shows what came instead
            self._send(self._program)
        refusal = await_hello(self._reader, self._said_bytes)
        if refusal is not None:
            why, self._came = refusal
            raise _LostError(why)
        self._reached = True

    def _write(self, request: dict[str, Any], body: Path | None, what: str) -> None:
        self._send(json.dumps(request).encode("utf-8") + b"\n")
        if body is None:
            return
        with body.open("rb") as file, Progress(what, body.stat().st_size, "B") as progress:
            while data := file.read(CHUNK):
                self._send(data)
                progress.advance(len(data))

    def _send(self, data: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError:
            raise _LostError from None

    def _answer(self) -> Iterator[dict[str, Any]]:
        heard = time.monotonic()
        while True:
            frame = self._frame(heard + SILENCE_S)
            if frame is None:
                continue
            if "error" in frame:
                raise AgentError(*frame["error"])
            yield frame
            heard = time.monotonic()  # the caller may take its time with a frame
            if "done" in frame:
                return

    def _frame(self, deadline: float) -> dict[str, Any] | None:
        """Read the frame in the next line; None for a line of something else, such as a late job."""
        assert self._reader is not None
        line = self._reader.line(deadline)
        if line is None and self._reader.over:
            raise _LostError
        if line is None:
            raise _LostError(f"was silent for {SILENCE_S:g} s in the middle of an answer")
        try:
            frame = frame_of(line)
        except ValueError:
            raise _LostError("wrote something else into the middle of an answer") from None
        return frame if frame is not None and KEYS & frame.keys() else None

    def _said_bytes(self) -> int:
        return 0 if self._stderr is None else os.fstat(self._stderr.fileno()).st_size

    def _end(self, why: str) -> EdgeEdetError:
        """End the command and make the error of what it wrote. why: "" if it ended by itself."""
        process, stderr = self._process, self._stderr
        assert process is not None
        assert stderr is not None
        self._process = self._stderr = None
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # what could not be sent any more
            process.stdin.close()
        over = self._reader is not None and self._reader.over
        if self._reader is not None:
            self._reader.close()
        try:
            status = process.wait(timeout=END_S if over else 0)
        except subprocess.TimeoutExpired:
            why = why or "closed its output, but did not end"
            process.kill()
            status = process.wait()
        with stderr:
            stderr.seek(max(0, os.fstat(stderr.fileno()).st_size - MAX_SAID))
            said = stderr.read().decode("utf-8", "replace")
        return self._explain(status, said, self._came, why)
