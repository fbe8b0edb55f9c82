#!/usr/bin/python3
"""record.py SERVER FILE CMD…: records what a program says to an RTSP server, for the corpus of exchanges.

SERVER is host:port. Runs CMD with {} replaced by the host and port of a proxy, and writes what it sent to FILE: one
message a line, as a string of Rust would be written, with places for what differs from run to run:
{server}, {session} and, of UDP, {ports}.
"""

import re
import socket
import subprocess
import sys
import threading

PLACES = [
    (rb"(Session: ?)[^;\r\n]+", rb"\1{session}"),
    (rb"client_port=\d+-\d+", b"client_port={ports}"),
]


def messages(data: bytes) -> list[bytes]:
    """RTSP requests and interleaved packets, one after the other (RFC 2326, 10.12)."""
    found = []
    while data:
        if data[:1] == b"$" and len(data) >= 4:
            length = 4 + int.from_bytes(data[2:4], "big")
        else:
            head = data.find(b"\r\n\r\n")
            if head < 0:
                break
            body = re.search(rb"(?i)content-length: *(\d+)", data[:head])
            length = head + 4 + (int(body[1]) if body else 0)
        found.append(data[:length])
        data = data[length:]
    return found


def escape(message: bytes) -> str:
    named = {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}
    return "".join(
        named.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}") for byte in message
    )


def forward(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
    try:
        while data := source.recv(65536):
            if kept is not None:
                kept += data
            target.sendall(data)
    except OSError:
        pass  # One end has gone, which ends the exchange.
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main() -> None:
    server, file, *command = sys.argv[1:]
    host, port = server.rsplit(":", 1)
    listener = socket.create_server(("127.0.0.1", 0))
    own = f"127.0.0.1:{listener.getsockname()[1]}"
    connections: list[bytearray] = []

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            upstream = socket.create_connection((host, int(port)))
            connections.append(bytearray())
            for ends in ((client, upstream, connections[-1]), (upstream, client, None)):
                threading.Thread(target=forward, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    subprocess.run([word.replace("{}", own) for word in command], check=False, timeout=60)
    with open(file, "w", encoding="ascii") as out:
        for connection in connections:
            for message in messages(bytes(connection)):
                message = message.replace(own.encode(), b"{server}")
                for pattern, replacement in PLACES:
                    message = re.sub(pattern, replacement, message)
                print(escape(message), file=out)
    print(f"{file}: {len(connections)} connections")


main()
