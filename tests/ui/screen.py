#!/usr/bin/env python3
"""The screen, through the window: the desktop asks once, a still screen is served, and no is no.

Needs what window.py needs, ffmpeg, PipeWire, WirePlumber and xdg-desktop-portal.
"""

import sys

from drive.pipewire import PipeWire
from drive.portal import ScreenCast
from drive.program import Window, passes, the_end_is_clean, wait_for
from drive.reader import Viewer, login, probe

CONFIG = """
version = 1
[server]
port = 0
"""
DENIED = "Sharing the screen was not allowed."


def address(window):
    return login(window.address("/screen"), "guest", window.password("guest"))


def a_screen_is_shared_with_a_password_after_one_question(window, portal):
    window.find("No Streams")
    window.key("ctrl+n")
    window.press("Screen or Window")
    window.find("Show the Pointer")
    window.press("Add")
    window.says("Screen", "Live")
    stream = window.saved()["streams"][0]
    assert (stream["source"], stream["access"]["read"]) == ({"screen": {"cursor": True}}, ["guest"])
    assert probe(address(window)) == "640,480"
    assert portal.questions == 1
    wait_for("what stands for the screen", lambda: window.password(f"screen:{stream['id']}"))


def after_a_restart_nobody_is_asked(window, portal):
    window.program.terminate()
    window.program.wait()
    window.start()
    window.says("Screen", "Live")
    assert portal.questions == 4, portal.questions


def who_ended_the_sharing_is_asked_and_whoever_watches_stays(window, portal):
    with Viewer(address(window)) as viewer:
        window.says("Screen", "1 viewer")
        portal.end()
        wait_for("another question", lambda: portal.questions == 2)
        window.says("Screen", "Live")
        window.says("Screen", "1 viewer")
        assert viewer.watches()


def no_is_no(window, portal):
    portal.allows = False
    portal.end()
    window.find(DENIED)
    assert portal.questions == 3
    portal.allows = True
    window.press("Turn on Screen")
    window.says("Screen", "Off")
    window.press("Turn on Screen")
    window.says("Screen", "Live")


def main():
    with PipeWire(bus=False) as pipewire, ScreenCast(pipewire) as portal:
        window = Window(CONFIG)
        results = []
        for test in (
            a_screen_is_shared_with_a_password_after_one_question,
            who_ended_the_sharing_is_asked_and_whoever_watches_stays,
            no_is_no,
            after_a_restart_nobody_is_asked,
        ):
            # Each needs those before it.
            results.append(all(results) and passes(test, window, portal))
        if False in results:
            print("shown at the end:", ", ".join(n.get_name() for n in window.nodes() if n.get_name()))
        results.append(passes(the_end_is_clean, window))
    word = "ok" if all(results) else "FAILED"
    print(f"test result: {word}. {results.count(True)} passed; {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
