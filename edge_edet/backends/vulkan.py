"""List this machine's Vulkan devices through the loader: `python -m edge_edet.backends.vulkan`.

A program of its own, because a broken driver can crash the process that asks.
"""

from __future__ import annotations

import ctypes
import json
import struct

__all__ = ["vulkan_devices"]

LOADER = "libvulkan.so.1"
PROPERTIES_BYTES = 4096  # more than VkPhysicalDeviceProperties has (824 on 64 bits)
CREATE_INSTANCE = 1  # VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
DEVICE_TYPES = ("other", "integrated GPU", "discrete GPU", "virtual GPU", "CPU")


class _InstanceCreateInfo(ctypes.Structure):
    """VkInstanceCreateInfo, vulkan_core.h."""

    _fields_ = (
        ("structure_type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32),
        ("layers", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    )


def vulkan_devices() -> list[str]:
    """Return name and type of each device. Raises OSError if there is no loader or no driver."""
    loader = ctypes.CDLL(LOADER)
    instance = ctypes.c_void_p()
    info = _InstanceCreateInfo(structure_type=CREATE_INSTANCE)
    if loader.vkCreateInstance(ctypes.byref(info), None, ctypes.byref(instance)) != 0:
        raise OSError("the Vulkan loader finds no driver")
    count = ctypes.c_uint32()
    loader.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    handles = (ctypes.c_void_p * count.value)()
    loader.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
    return [_describe(loader, handle) for handle in handles[: count.value]]


def _describe(loader: ctypes.CDLL, handle: int | None) -> str:
    properties = ctypes.create_string_buffer(PROPERTIES_BYTES)
    loader.vkGetPhysicalDeviceProperties(ctypes.c_void_p(handle), properties)
    kind, name = struct.unpack_from("16x I 256s", properties.raw)
    label = DEVICE_TYPES[kind] if kind < len(DEVICE_TYPES) else DEVICE_TYPES[0]
    return f"{name.partition(bytes(1))[0].decode('utf-8', 'replace')} ({label})"


if __name__ == "__main__":
    print(json.dumps(vulkan_devices()))
