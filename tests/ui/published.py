#!/usr/bin/env python3
"""A stream that a program sends, through the window: added, sent with the password that was made up, seen, and given to
others.

Needs what window.py needs, and ffmpeg.
"""

import subprocess
import sys

from drive.program import Window, run, wait_for
from drive.reader import login, probe

CONFIG = """
version = 1
users = [{ name = "ann" }]
[server]
port = 0
"""


def sends(address):
    return subprocess.Popen(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25",
         "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p",
         "-f", "rtsp", "-rtsp_transport", "tcp", address]
    )


def access(window):
    return window.saved()["streams"][0]["access"]


def it_waits_from_the_first_and_only_who_may_can_send(window):
    window.find("No Streams")
    window.key("ctrl+n")
    window.press("Sent by a Program")
    window.find("Password for Sending")
    window.press("Add")
    window.says("Live", "Waiting")
    assert (access(window)["read"], access(window)["publish"]) == ("anyone", ["guest"]), access(window)
    stranger = sends(window.address("/live"))
    assert stranger.wait(timeout=20) != 0, "somebody sent without a password"


def what_is_sent_is_seen_and_who_sends_is_named(window):
    window.press("Open Live")
    window.find("Nobody is sending")
    address = window.address("/live")
    sender = sends(login(address, "guest", window.password("guest")))
    try:
        window.find("“guest” is sending from 127.0.0.1")
        wait_for("the picture in a reader", lambda: probe(address) == "320,240")
    finally:
        sender.terminate()
        sender.wait(timeout=10)
    window.find("Nobody is sending")
    window.find("Waiting")


def who_sends_is_sent_away(window):
    address = login(window.address("/live"), "guest", window.password("guest"))
    sender = sends(address)
    window.find("“guest” is sending from 127.0.0.1")
    # A menu needs its button in view.
    window.go_to("Menu of guest at 127.0.0.1", "toggle button")
    window.choose("Menu of guest at 127.0.0.1", 1)
    assert sender.wait(timeout=20) != 0, "it went on sending"
    window.find("“guest at 127.0.0.1” removed, and kept away")
    window.find("Nobody is sending")
    again = sends(address)
    assert again.wait(timeout=20) != 0, "it was not kept away"


def the_right_is_given_to_another_and_to_anyone(window):
    window.press("ann")
    wait_for("ann's right", lambda: access(window)["publish"] == ["guest", "ann"])
    window.choose_in("Who Can Send", 0, "Anyone")
    wait_for("everybody's right", lambda: access(window)["publish"] == "anyone")


def the_table_of_rights_has_both(window):
    window.key("ctrl+comma")
    window.press("Rights")
    window.find("Live: Sending")
    for name in ("ann may watch Live", "Anyone may send Live"):
        window.go_to(name, "check box")
        window.key("space")
    wait_for("who may watch", lambda: access(window)["read"] == ["ann"])
    wait_for("who may send", lambda: access(window)["publish"] == ["ann"])
    window.key("Escape")


def main():
    return run(
        Window(CONFIG),
        [
            it_waits_from_the_first_and_only_who_may_can_send,
            what_is_sent_is_seen_and_who_sends_is_named,
            who_sends_is_sent_away,
            the_right_is_given_to_another_and_to_anyone,
            the_table_of_rights_has_both,
        ],
        is_story=True,
    )


if __name__ == "__main__":
    sys.exit(main())
