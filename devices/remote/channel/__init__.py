"""Requests to the agent and its answers, over the pipes of a command such as ssh."""

from __future__ import annotations

from edge_edet.devices.remote.channel.channel import (
    GIVE_UP_S,
    READ_BY_SHELL,
    AgentError,
    Channel,
    bootstrap,
)
from edge_edet.devices.remote.channel.what_came import readable

__all__ = ["GIVE_UP_S", "READ_BY_SHELL", "AgentError", "Channel", "bootstrap", "readable"]
