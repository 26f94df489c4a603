"""Publish detections to an MQTT broker, with paho-mqtt: `edge-edet[mqtt]`."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from edge_edet.errors import EdgeEdetError
from edge_edet.optional_packages import missing_extra
from edge_edet.publishing.address import MqttAddress

__all__ = ["MqttPublisher"]

CONNECT_S = 10.0
LONGEST_WAIT_S = 30  # between two tries to reconnect
MOST_WAITING = 100  # messages that are not sent yet; more are dropped, so that memory stays bounded
FLUSH_S = 2.0  # the longest wait for the last messages


class MqttPublisher:
    """A connection to a broker. Use as a context manager.

    Messages have quality of service 0: what the broker cannot take in time, or while the connection is lost,
    is dropped and counted. The connection is opened again by itself.

    Parameters
    ----------
    address
        Broker and topic.
    say
        Called, in another thread, with one line when the connection is lost and when it is back.

    Attributes
    ----------
    dropped
        Messages that were not sent.

    Raises
    ------
    EdgeEdetError
        The broker cannot be reached, or refuses the user and password.
    MissingExtraError
        paho-mqtt is not installed.
    """

    def __init__(self, address: MqttAddress, say: Callable[[str], None]):
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise missing_extra(error) or error from None
        self._address, self._say = address, say
        self._answered, self._refused, self._lost = threading.Event(), "", False
        self._waiting: deque[Any] = deque()
        self._closing = False
        self.dropped = 0
        self._client: Any = Client(CallbackAPIVersion.VERSION2)
        if address.user is not None:
            self._client.username_pw_set(address.user, address.password)
        self._client.reconnect_delay_set(1, LONGEST_WAIT_S)
        self._client.connect_timeout = CONNECT_S
        self._client.on_connect, self._client.on_disconnect = self._connected, self._disconnected
        try:
            self._client.connect(address.host, address.port)
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error) or "no answer").lower()
            raise EdgeEdetError(f"cannot reach the broker {address.name!r}: {reason}") from None
        self._client.loop_start()
        answered = self._answered.wait(CONNECT_S)
        if self._refused or not answered:
            self.close()
            if answered:
                raise EdgeEdetError(
                    f"the broker {address.name!r} refuses: {self._refused}; write user and password as "
                    "mqtt://USER:PASSWORD@HOST/TOPIC"
                )
            raise EdgeEdetError(f"the broker {address.name!r} gives no answer in {CONNECT_S:.0f} s")

    def __enter__(self) -> MqttPublisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Send what waits, for two seconds at most, and disconnect."""
        self._closing = True
        if self._waiting and self._client.is_connected():
            last = self._waiting[-1]
            if not last.is_published():
                with contextlib.suppress(
                    ValueError, RuntimeError
                ):  # the connection is lost just now
                    last.wait_for_publish(FLUSH_S)
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, message: str) -> None:
        """Send a message, or drop it where a hundred wait or the connection is lost.

        Parameters
        ----------
        message
            JSON of the frame.
        """
        while self._waiting and self._waiting[0].is_published():
            self._waiting.popleft()
        if len(self._waiting) >= MOST_WAITING or not self._client.is_connected():
            self.dropped += 1
            if not self._client.is_connected():
                self._waiting.clear()
            return
        sent = self._client.publish(self._address.topic, message.encode())
        if sent.rc != 0:
            self.dropped += 1
        else:
            self._waiting.append(sent)

    def _connected(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._refused = str(reason).lower()
            client.disconnect()  # it would try for ever
        elif self._lost:
            self._lost = False
            self._say(f"the broker {self._address.name!r} is back")
        self._answered.set()

    def _disconnected(
        self, client: Any, data: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if self._answered.is_set() and not self._closing and not self._refused and not self._lost:
            self._lost = True
            self._say(
                f"the connection to the broker {self._address.name!r} is lost ({str(reason).lower()}): "
                "no frames are published meanwhile"
            )
