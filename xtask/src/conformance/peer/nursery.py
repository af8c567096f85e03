"""Starts test servers quickly: python nursery.py FOLDER SOCKET

Importing what the server needs takes longer than all else it does before it listens, so that is done once. For each
connection to SOCKET a copy of this process becomes a server: the first line is the list of its options in JSON, then the
connection is its standard input, output and error. Ends when its own standard input does.
"""

import json
import os
import select
import signal
import socket
import sys

sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import peer_server  # noqa: E402


def options(connection: socket.socket) -> list[str]:
    line = b""
    while not line.endswith(b"\n"):
        piece = connection.recv(4096)
        if not piece:
            raise SystemExit("no options came")
        line += piece
    return json.loads(line)


def serve(connection: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.argv = ["peer_server.py", *options(connection)]
    for standard in (0, 1, 2):
        os.dup2(connection.fileno(), standard)
    connection.close()
    try:
        peer_server.main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr, flush=True)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[2])
    listener.listen(64)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([0, listener], [], [])
        if 0 in ready:
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            try:
                serve(connection)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
            finally:
                os._exit(0)
        connection.close()


main()
