"""The loop of the agent: read a request, answer it, read the next one."""

import errno
import json
import sys
from pathlib import Path

from edge_edet.devices.remote.agent.environment import environment, own_environment
from edge_edet.devices.remote.agent.files import clean, lay_out, missing, probe, receive
from edge_edet.devices.remote.agent.frames import RequestError, send
from edge_edet.devices.remote.agent.jobs import follow, running, start, stop

__all__ = ["serve"]

REQUESTS = {
    "probe": probe,
    "missing": missing,
    "receive": receive,
    "lay_out": lay_out,
    "environment": environment,
    "own_environment": own_environment,
    "running": running,
    "start": start,
    "follow": follow,
    "stop": stop,
    "clean": clean,
}

CODES = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "place",
    errno.EACCES: "place",
    errno.EPERM: "place",
    errno.ENOENT: "place",
    errno.ENOTDIR: "place",
}


def serve(base: str) -> None:
    """Answer requests until stdin ends; everything is kept in the folder base."""
    folder = Path(base).expanduser()
    send(hello=1)
    for line in iter(sys.stdin.buffer.readline, b""):
        request = json.loads(line.decode("utf-8"))
        try:
            result = REQUESTS[request.pop("do")](folder, **request)  # type: ignore[operator]
        except RequestError as error:
            send(error=list(error.args))
        except BrokenPipeError:
            return  # the other side is gone
        except OSError as error:
            code = CODES.get(error.errno, "system")  # type: ignore[arg-type]
            reason = f"{(error.strerror or str(error)).lower()}: {error.filename or folder}"
            send(error=[code, reason])
        else:
            send(done=result)
