"""Detections out of the process while a video runs: over MQTT, and as a page in a browser."""

from __future__ import annotations

from edge_edet.publishing.address import HttpAddress, MqttAddress, http_address, mqtt_address
from edge_edet.publishing.http_view import HttpView
from edge_edet.publishing.mqtt import MqttPublisher

__all__ = [
    "HttpAddress",
    "HttpView",
    "MqttAddress",
    "MqttPublisher",
    "http_address",
    "mqtt_address",
]
