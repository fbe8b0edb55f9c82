"""live555.py ADDRESS USER PASSWORD SECONDS: reads a stream as live555 does, over UDP.

PyPI's liblivemedia has live555's client inside of its proxy; ffmpeg reads there what the client received. The last line
is what ffmpeg says of the pictures that it decoded.
"""

import os
import socket
import subprocess
import sys

from liblivemedia import ProxyServer

address, user, password, seconds = sys.argv[1:]
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
proxy = ProxyServer("127.0.0.1", port)
proxy.addURI(address, "again", user, password)
proxy.start()
ffmpeg = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp"]
ffmpeg += ["-i", f"rtsp://127.0.0.1:{port}/again", "-t", seconds, "-f", "null", "-progress", "-", "-"]
result = subprocess.run(ffmpeg, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
frames = [line for line in result.stdout.splitlines() if line.startswith("frame=")]
print(frames[-1] if frames else "", flush=True)
# Its thread has no end.
os._exit(result.returncode)
