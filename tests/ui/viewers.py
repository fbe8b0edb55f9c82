#!/usr/bin/env python3
"""The viewers, with real readers: who they are, how they fare, how they are sent away, and who was refused.

Needs what window.py needs, and ffmpeg.
"""

import re
import sys

from drive.keys import Keys
from drive.program import Window, run, wait_for
from drive.reader import Viewer, probe

CONFIG = """
version = 1
[server]
port = 0
[[users]]
name = "guest"
[[streams]]
id = "lobby"
name = "Lobby"
path = "/lobby"
source.pattern = { pattern = "snow" }
access = { read = "anyone" }
[[streams.renditions]]
size = "320x240"
frame_rate = "25"
# ffmpeg reports after so many bytes.
bitrate_kbps = 4000
[[streams]]
id = "yard"
name = "Yard"
path = "/yard"
source.pattern = { pattern = "ball" }
access = { read = "anyone" }
[[streams.renditions]]
size = "320x240"
frame_rate = "10"
"""
HERE = "127.0.0.1"


def rows(window, name=HERE):
    is_meant = lambda node: (node.get_name(), node.get_role_name()) == (f"Menu of {name}", "toggle button")  # noqa: E731
    return list(filter(is_meant, window.nodes()))


def texts(window):
    return [node.get_name() for node in window.nodes() if node.get_name()]


def choose(window, place):
    """From the menu of the only viewer."""
    window.choose(f"Menu of {HERE}", place)


def says(window, pattern):
    wait_for(f"a text like {pattern}", lambda: any(re.search(pattern, text) for text in texts(window)))


def a_viewer_is_shown_with_its_figures(window):
    lobby = window.address("/lobby")
    window.press("Viewers")
    window.find("No Viewers")
    with Viewer(lobby, "udp") as viewer:
        says(window, r"^Lavf\S+, UDP, since \d")
        says(window, r"(k|M)bit/s")
        window.find("Lobby")
        window.focus(HERE)
        window.key("Return")
        for figure in ("Bitrate", "Lost", "Jitter", "Sent", "Time to First Picture"):
            window.find(figure)
        assert viewer.watches()
        before = next(text for text in texts(window) if re.search(r"\d+ packets, ", text))
        wait_for("more packets", lambda: before not in texts(window))
        choose(window, 0)
        assert viewer.program.wait(10) == 0, "it was told that the stream has ended"
    window.find(f"“{HERE}” removed")
    window.find("No Viewers")


def who_is_removed_can_be_kept_away_and_let_in(window):
    window.press("Streams")
    lobby = window.address("/lobby")
    window.press("Viewers")
    with Viewer(lobby) as viewer:
        wait_for("a viewer", lambda: rows(window))
        choose(window, 1)
        assert viewer.program.wait(10) == 0
    window.find("Let In", "button")
    assert probe(lobby) == ""
    says(window, f"^The player at {HERE} was refused|{HERE}.*(kept away|removed)")
    window.press("Let In")
    window.gone("Let In")
    assert probe(lobby) == "320,240"
    window.press("Clear")
    window.find("No Viewers")


def each_stream_has_its_own(window):
    window.press("Streams")
    lobby, yard = window.address("/lobby"), window.address("/yard")
    with Viewer(lobby), Viewer(yard, "udp") as other:
        window.press("Open Yard")
        window.find("Path of the Address", "text")
        wait_for("the one of the yard", lambda: len(rows(window)) == 1)
        says(window, "^Lavf.*UDP")
        choose(window, 0)
        assert other.program.wait(10) == 0
        window.find("Nobody watches.")
        window.key("alt+Left")
        window.press("Viewers")
        wait_for("the one of the lobby", lambda: len(rows(window)) == 1)
    window.find("No Viewers")
    window.press("Streams")


def write(window, keys, row, text):
    """Goes there without looking at all of the page at each step."""
    keys.go_to(row)
    window.apply(row, text)


def limits_are_set_and_kept(window):
    keys = Keys(window)
    window.press("Open Lobby")
    window.type("Most Viewers", "many")
    window.find("Write a number from 1 to 100000.")
    write(window, keys, "Most Viewers", "1")
    wait_for("the limit", lambda: window.saved()["streams"][0].get("readers_limit") == 1)
    lobby = window.address("/lobby")
    with Viewer(lobby):
        window.gone("Nobody watches.")
        assert probe(lobby) == ""
        write(window, keys, "Most Viewers", "2")
        wait_for("the limit", lambda: window.saved()["streams"][0].get("readers_limit") == 2)
        assert probe(lobby) == "320,240"
    window.key("alt+Left")
    window.press("Viewers")
    says(window, "/lobby has 1 viewer already")
    window.key("ctrl+comma")
    window.type("Viewers From One Address", "0")
    window.find("Write a number from 1 to 100000.")
    write(window, keys, "Viewers From One Address", "3")
    wait_for("the limit", lambda: window.saved().get("limits", {}).get("readers_per_address") == 3)
    window.key("Escape")
    keys.end()


def main():
    tests = [
        a_viewer_is_shown_with_its_figures,
        who_is_removed_can_be_kept_away_and_let_in,
        each_stream_has_its_own,
        limits_are_set_and_kept,
    ]
    return run(Window(CONFIG), tests)


if __name__ == "__main__":
    sys.exit(main())
