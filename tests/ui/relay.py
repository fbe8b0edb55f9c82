#!/usr/bin/env python3
"""Streams of elsewhere: another Headwater, with a password, becomes a stream of this one.

Needs what window.py needs, and ffmpeg.
"""

import os
import subprocess
import sys
import tempfile

from drive.program import PROGRAM, Window, run, wait_for
from drive.reader import login, probe

CONFIG = """
version = 1
[server]
port = 0
[[streams]]
id = "lobby"
name = "Lobby"
path = "/lobby"
source.pattern = { pattern = "smpte" }
access = { read = "anyone" }
[[streams.renditions]]
size = "320x240"
"""
ORIGIN = """
version = 1
users = [{ name = "guest" }]
[server]
port = 0
[[streams]]
id = "camera"
name = "Camera"
path = "/camera"
source.pattern = { pattern = "ball" }
access = { read = ["guest"] }
[[streams.renditions]]
size = "640x360"
"""
PASSWORD = "correct horse"


class Origin:
    """A Headwater without a window, in the place of a camera."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        config, passwords = (os.path.join(self.folder.name, name) for name in ("config.toml", "secrets.toml"))
        with open(config, "w", encoding="utf-8") as file:
            file.write(ORIGIN)
        with open(passwords, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f'guest = "{PASSWORD}"\n')
        state = {"XDG_STATE_HOME": os.path.join(self.folder.name, "state"), "HEADWATER_LOG": "error"}
        command = [PROGRAM, "--headless", "--config", config]
        self.program = subprocess.Popen(command, env=os.environ | state, stdout=subprocess.PIPE, text=True)
        self.address = self.program.stdout.readline().strip().removeprefix("Camera: ")

    def end(self):
        self.program.terminate()
        assert self.program.wait(20) == 0


origin = Origin()


def relay(window):
    return window.saved()["streams"][-1]


def write(window, row, text):
    """All at once, as one pastes, then Enter."""
    window.focus(row)
    window.type(row, text)
    window.key("Return")


def an_address_that_is_pasted_becomes_a_stream(window):
    window.says("Lobby", "Live")
    window.focus("Turn on Lobby")
    window.key("ctrl+c")
    window.hears("Address copied")
    window.key("ctrl+v")
    window.find("Another Stream")
    # Filled in: what is left is to say yes.
    window.press("Add")
    window.says("127.0.0.1", "Live")
    assert relay(window)["source"]["relay"] == {"address": window.address("/lobby")}
    assert probe(window.address("/127-0-0-1")) == "320,240"


def what_is_wrong_with_an_address_is_said_as_it_is_typed(window):
    window.press("Add Stream")
    window.press("Another Stream")
    assert not window.is_sensitive("Add"), "there is no address"
    window.type("Address of the Other Stream", "camera.local/live")
    window.find("Write a whole address, like “rtsp://192.0.2.20/stream”.")
    window.type("Address of the Other Stream", "rtspp://camera.local/live")
    window.find("Addresses cannot begin with “rtspp”. Is “rtsps” meant?")
    assert not window.is_sensitive("Add")
    window.type("Address of the Other Stream", "rtsp://camera.local/live")
    window.gone("Addresses cannot begin with “rtspp”. Is “rtsps” meant?")
    window.type("User", "guest")
    window.find("Write the password of this user.")
    assert not window.is_sensitive("Add")
    window.key("Escape")
    window.gone("Address of the Other Stream")
    window.key("Escape")
    window.gone("Test Pattern")


def a_login_in_an_address_is_kept_apart_from_it(window):
    window.press("Add Stream")
    window.press("Another Stream")
    window.type("Address of the Other Stream", login(origin.address, "guest", PASSWORD))
    window.type("Name", "Camera")
    wait_for("a password", lambda: window.is_sensitive("Add"))
    window.enter("Show the Picture")
    window.find("Preview of Camera")
    # It is not that of another address, and a camera is not asked at every letter.
    window.type("Address of the Other Stream", origin.address + "-gone")
    window.gone("Preview of Camera")
    window.enter("Show the Picture")
    window.find("The other device is there, but has no such stream.")
    window.type("Address of the Other Stream", origin.address)
    window.press("Add")
    window.says("Camera", "Live")
    saved = relay(window)
    assert saved["source"]["relay"] == {"address": origin.address, "user": "guest"}, saved
    assert window.password(f"relay:{saved['id']}") == PASSWORD
    assert probe(window.address("/camera")) == "640,360"


def a_copy_logs_in_as_well(window):
    window.act("Camera", "card.duplicate")
    window.says("Camera (Copy)", "Live")
    window.act("Camera (Copy)", "card.remove")
    window.gone("Turn on Camera (Copy)")


def a_wrong_password_is_said_and_mended_on_the_page(window):
    window.press("Open Camera")
    window.find("Password for the Other Stream")
    write(window, "Password for the Other Stream", "wrong")
    said = "The other stream does not let “guest” in with this password. Check the user and the password on this stream’s page."
    window.find(said)
    write(window, "Password for the Other Stream", PASSWORD)
    window.gone(said)
    wait_for("a picture", lambda: probe(window.address("/camera")) == "640,360")


def the_transport_and_the_address_are_changed_on_the_page(window):
    window.choose_in("Transport", 1, "TCP")
    wait_for("the transport", lambda: relay(window)["source"]["relay"].get("transport") == "tcp")
    wait_for("a picture", lambda: probe(window.address("/camera")) == "640,360")
    write(window, "Address of the Other Stream", origin.address + "-gone")
    window.find("The other device is there, but has no such stream. Check the end of the address.")
    write(window, "Address of the Other Stream", origin.address)
    wait_for("a picture", lambda: probe(window.address("/camera")) == "640,360")


def a_pattern_becomes_a_relay_with_an_address(window):
    window.key("alt+Left")
    window.press("Open Lobby")
    window.choose_in("Kind", 4, "Another Stream")
    assert "pattern" in window.saved()["streams"][0]["source"], "it has no address yet"
    write(window, "Address of the Other Stream", login(origin.address, "guest", PASSWORD))
    wait_for("the kind", lambda: "relay" in window.saved()["streams"][0]["source"])
    wait_for("a picture", lambda: probe(window.address("/lobby")) == "320,240")


if __name__ == "__main__":
    try:
        code = run(
            Window(CONFIG),
            [
                an_address_that_is_pasted_becomes_a_stream,
                what_is_wrong_with_an_address_is_said_as_it_is_typed,
                a_login_in_an_address_is_kept_apart_from_it,
                a_copy_logs_in_as_well,
                a_wrong_password_is_said_and_mended_on_the_page,
                the_transport_and_the_address_are_changed_on_the_page,
                a_pattern_becomes_a_relay_with_an_address,
            ],
        )
    finally:
        origin.end()
    sys.exit(code)
