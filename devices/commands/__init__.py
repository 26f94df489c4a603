"""The command `edge-edet devices`."""
