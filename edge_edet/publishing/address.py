"""What --mqtt and --http-port are given."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from edge_edet.errors import InputError
from edge_edet.terminal import shown, shown_address

__all__ = ["LOOPBACK", "HttpAddress", "MqttAddress", "http_address", "mqtt_address"]

LOOPBACK = "127.0.0.1"
MQTT_PORT = 1883
HOST = r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]"
MQTT = re.compile(
    rf"(?:mqtt://)?(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?(?P<host>{HOST})?"
    r"(?::(?P<port>\d{1,5}))?/(?P<topic>.+)"
)
HTTP = re.compile(rf"(?:(?P<host>{HOST}):)?(?P<port>\d{{1,5}})")
MOST_TOPIC_BYTES = 65_535  # MQTT 3.1.1, section 1.5.3


@dataclass(frozen=True)
class MqttAddress:
    """A broker and a topic; `name` is what is shown, without the password.

    Attributes
    ----------
    host
        Of the broker.
    port
        Of the broker.
    topic
        That messages are sent to.
    name
        What is shown, without the password.
    user
        Of the login; None: without one.
    password
        Of the login; None: without one.
    """

    host: str
    port: int
    topic: str
    name: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class HttpAddress:
    """Where the page is served; port 0 takes a free one.

    Attributes
    ----------
    host
        Name or number of the machine's own address.
    port
        From 0 to 65535; 0 takes a free one.
    """

    host: str
    port: int


def mqtt_address(text: str) -> MqttAddress:
    """Read [mqtt://][USER:PASSWORD@][HOST][:PORT]/TOPIC; without a host it is this machine.

    Parameters
    ----------
    text
        As given.

    Returns
    -------
    MqttAddress
        The broker and the topic.

    Raises
    ------
    InputError
        It is written otherwise. The message has no password.
    """
    found = MQTT.fullmatch(text)
    name = shown_address(text if "://" in text else f"mqtt://{text}")
    if found is None or not _is_port(found["port"], 1):
        raise InputError(
            f"--mqtt must be HOST/TOPIC or mqtt://USER:PASSWORD@HOST:PORT/TOPIC, but got {name!r}"
        )
    topic = found["topic"]
    if any(one in topic for one in "+#\0") or len(topic.encode()) > MOST_TOPIC_BYTES:
        raise InputError(
            f"--mqtt: a topic to publish to has no + or #, which are for subscribers, but got {name!r}"
        )
    return MqttAddress(
        (found["host"] or LOOPBACK).strip("[]"),
        int(found["port"] or MQTT_PORT),
        topic,
        name,
        None if found["user"] is None else unquote(found["user"]),
        None if found["password"] is None else unquote(found["password"]),
    )


def http_address(text: str) -> HttpAddress:
    """Read [HOST:]PORT; without a host it is this machine alone.

    Parameters
    ----------
    text
        As given.

    Returns
    -------
    HttpAddress
        The address.

    Raises
    ------
    InputError
        It is written otherwise.
    """
    found = HTTP.fullmatch(text)
    if found is None or not _is_port(found["port"], 0):
        raise InputError(
            f"--http-port must be PORT or HOST:PORT, such as 8080, but got {shown(text)!r}"
        )
    return HttpAddress((found["host"] or LOOPBACK).strip("[]"), int(found["port"]))


def _is_port(text: str | None, least: int) -> bool:
    return text is None or least <= int(text) <= 65_535
