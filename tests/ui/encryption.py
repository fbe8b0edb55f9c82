#!/usr/bin/env python3
"""Encrypted connections, through the window: turned on, by Headwater's own certificate and by one that is chosen.

Needs what window.py needs, ffmpeg, openssl, and xdg-desktop-portal.
"""

import hashlib
import os
import socket
import ssl
import subprocess
import sys
import tempfile

from drive.other_program import clipboard
from drive.portal import FileChooser
from drive.program import Window, run, wait_for
from drive.reader import probe

CONFIG = """
version = 1
[server]
port = 0
[server.rtsps]
enabled = false
port = {port}
[[streams]]
id = "lobby"
name = "Lobby"
path = "/lobby"
source.pattern = {{ pattern = "ball" }}
access = {{ read = "anyone" }}
[[streams.renditions]]
size = "320x240"
frame_rate = "10"
"""

chooser = FileChooser()
files = tempfile.TemporaryDirectory()
certificate, key, other_key = (os.path.join(files.name, name) for name in ("cam.pem", "cam.key", "other.key"))
with socket.create_server(("127.0.0.1", 0)) as free:
    PORT = free.getsockname()[1]


def make(key, certificate):
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=cam.example", "-days", "30", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)


def served():
    """The fingerprint of the certificate that a reader is shown, as the window writes it."""
    try:
        shown = ssl.get_server_certificate(("127.0.0.1", PORT))
    except OSError:
        return None
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(shown)).digest()


def copied():
    return bytes.fromhex((clipboard() or "").replace(":", ""))


def choose(window, *chosen):
    for file in chosen:
        chooser.will_choose(file)
    questions = chooser.questions(lambda: window.press("Choose…"), 2)
    titles = [title for title, _ in questions]
    assert titles == ["Choose the Certificate", "Choose the Key of the Certificate"], questions


def rtsps(window):
    return window.saved()["server"]["rtsps"]


def it_is_turned_on_with_a_certificate_of_its_own(window):
    # A key that comes before the window is there is lost.
    window.says("Lobby", "Live")
    window.key("ctrl+comma")
    window.press("Server")
    assert served() is None
    window.press("Encrypted Connections (RTSPS)")
    wait_for("a certificate", served)
    window.find("Made by Headwater for this computer")
    window.press("Copy the fingerprint of the certificate")
    wait_for("its fingerprint", lambda: copied() == served())
    assert probe(f"rtsps://127.0.0.1:{PORT}/lobby") == "320,240"


def a_key_that_does_not_fit_is_said_at_its_row(window):
    own = served()
    make(other_key, certificate)
    make(key, certificate)
    choose(window, certificate, other_key)
    window.find("The key is not that of the certificate. Choose the key that the certificate was made with.")
    assert "certificate" not in rtsps(window) and served() == own


def one_that_is_chosen_is_used(window):
    own = served()
    choose(window, certificate, key)
    wait_for("the files", lambda: (rtsps(window).get("certificate"), rtsps(window).get("key")) == (certificate, key))
    window.gone("The key is not that of the certificate. Choose the key that the certificate was made with.")
    window.find(certificate)
    wait_for("the other certificate", lambda: served() not in (None, own))
    window.press("Copy the fingerprint of the certificate")
    wait_for("its fingerprint", lambda: copied() == served())
    assert probe(f"rtsps://127.0.0.1:{PORT}/lobby") == "320,240"
    window.press("Use Headwater’s Own Certificate")
    wait_for("the first one", lambda: served() == own)
    assert "certificate" not in rtsps(window)


def main():
    tests = [
        it_is_turned_on_with_a_certificate_of_its_own,
        a_key_that_does_not_fit_is_said_at_its_row,
        one_that_is_chosen_is_used,
    ]
    with chooser, files:
        return run(Window(CONFIG.format(port=PORT), **chooser.environment), tests, is_story=True)


if __name__ == "__main__":
    sys.exit(main())
