"""The agent, which runs on the board: it answers requests on stdin with frames on stdout.

The text of these modules is sent through the connection and run by the Python of the board, so nothing
needs to be installed there before. They use the standard library only, and no syntax newer than Python
3.6, so that an old Python can report its version.

Requests and frames are JSON objects, one a line. A request is answered by any number of frames, such as
{"progress": text}, and then by {"done": result} or {"error": [code, text]}. Every request may be sent
again after the connection broke: nothing is done twice. A measurement runs detached, in a process group
of its own, with its output in a file; `follow` reads that file from any offset.
"""
