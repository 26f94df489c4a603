"""How a phone reaches the page: an address on the LAN, a certificate, adb, a QR code."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import socket
import ssl
import sys
from collections.abc import Iterator

from edge_edet.devices.process import finish
from edge_edet.errors import BackendError, InputError
from edge_edet.terminal import shown

__all__ = ["adb_reversed", "certificate", "lan_address", "qr_code"]

ADB_S = 20.0
CLOCKS = datetime.timedelta(days=1)  # by which a phone's may be behind
LASTS = datetime.timedelta(
    days=30
)  # a run is a week at most; Apple's systems take 825 days at most


def lan_address() -> str:
    """Return the address that this machine has on its network. Raises InputError without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of documentation; nothing is sent
            address = str(probe.getsockname()[0])
        except OSError:
            address = "127.0.0.1"
    if address.startswith("127."):
        raise InputError("--lan needs a network, and this machine is in none: leave out --lan")
    return address


def certificate(address: str) -> ssl.SSLContext:
    """Make a certificate for this address, in memory, signed by nobody that browsers know.

    Raises ImportError without trustme.
    """
    import trustme  # type: ignore[import-not-found, unused-ignore]

    authority = trustme.CA(organization_name="edge-edet", organization_unit_name="for one run")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    now = datetime.datetime.now(datetime.timezone.utc)
    authority.issue_cert(
        *(address, "localhost", "127.0.0.1"), not_before=now - CLOCKS, not_after=now + LASTS
    ).configure_cert(context)
    return context


@contextlib.contextmanager
def adb_reversed(port: int) -> Iterator[list[str]]:
    """Let phones behind adb reach this port as their own localhost, which browsers trust.

    Yields
    ------
    list of str
        Serials of the phones; none without adb, or where none answers.
    """
    adb, serials = shutil.which("adb"), []
    if adb is not None:
        for serial in _phones(adb):
            command = [adb, "-s", serial, "reverse", f"tcp:{port}", f"tcp:{port}"]
            try:
                finish(command, f"adb reverse for {serial}", timeout_s=ADB_S)
            except BackendError as error:
                print(f"edge-edet: {shown(str(error))}", file=sys.stderr, flush=True)
            else:
                serials.append(serial)
    try:
        yield serials
    finally:
        for serial in serials:
            command = [str(adb), "-s", serial, "reverse", "--remove", f"tcp:{port}"]
            with contextlib.suppress(BackendError):  # it was unplugged
                finish(command, "adb reverse", timeout_s=ADB_S)


def _phones(adb: str) -> list[str]:
    try:
        listed = finish([adb, "devices"], "adb devices", timeout_s=ADB_S)
    except BackendError as error:
        print(f"edge-edet: {shown(str(error))}", file=sys.stderr, flush=True)
        return []
    words = [line.split() for line in listed.splitlines()[1:]]
    return [line[0] for line in words if len(line) == 2 and line[1] == "device"]


def qr_code(text: str) -> str | None:
    """Draw a QR code of half blocks; None without segno."""
    try:
        import segno  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    import io

    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()
