"""What runs on the board: answers requests on stdin with frames on stdout, one JSON object a line.

The text of these modules is sent through the connection and run by whatever Python the board has,
so that nothing needs to be there before: standard library only, and no syntax beyond Python 3.6,
so that an old Python can say how old it is.

A request is answered by any number of frames, such as {"progress": text}, and then by one of
{"done": result} and {"error": [code, text]}. Every request may be sent again after a connection
broke: what is done already is not done twice. A measurement runs detached, in a process group of
its own, with its output in a file; `follow` reads that file from any offset.
"""
