#!/usr/bin/env python3
"""The forms of a stream's page where changes meet: some wait, some fail, some are still being typed.

Needs what window.py needs, and ffmpeg.
"""

import sys

from drive.program import Atspi, Window, run, the_end_is_clean, wait_for
from drive.reader import Viewer, login, probe

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
source.pattern = { pattern = "black" }
access = { read = "anyone" }
[[streams.renditions]]
size = "640x360"
frame_rate = "10"
bitrate_kbps = 1000
"""
PASSWORD = "correct horse"
WAITS = "1 viewer will have to connect again."


class Guarded(Window):
    """A window whose user can log in."""

    def start(self):
        with open(self.passwords, "w", encoding="utf-8") as file:
            file.write(f'guest = "{PASSWORD}"\n')
        super().start()


def stream(window):
    return window.saved()["streams"][0]


def rendition(window):
    return stream(window)["renditions"][0]


def a_change_that_waits_holds_up_no_other(window, viewer):
    window.choose_in("Frame Rate", 3, "15")
    window.find(WAITS)
    # What is chosen back waits no more.
    window.choose_in("Frame Rate", 2, "10")
    window.gone(WAITS)
    window.choose_in("Frame Rate", 3, "15")
    window.find(WAITS)
    window.enter("Add Clock")
    wait_for("the clock", lambda: stream(window).get("overlays"))
    window.choose_in("Who Can Watch", 1, "Users with a password")
    wait_for("the right", lambda: stream(window)["access"]["read"] == ["guest"])
    assert probe(window.address()) == "", "a stranger is kept out at once"
    assert rendition(window)["frame_rate"] == "10"
    window.find(WAITS)
    window.find("15")
    assert viewer.watches(), "the viewer did not notice"
    window.press("Cancel")
    window.gone(WAITS)
    window.find("10")


def undo_takes_what_waits_before_what_was_done(window, _viewer):
    before = window.saved()
    window.choose_in("Frame Rate", 3, "15")
    window.find(WAITS)
    window.key("ctrl+z")
    window.hears("The changes that waited were cancelled")
    window.gone(WAITS)
    assert window.saved() == before, "nothing older was undone"
    window.key("ctrl+z")
    wait_for("what was done last undone", lambda: stream(window)["access"]["read"] == "anyone")
    window.key("ctrl+shift+z")
    wait_for("and done again", lambda: window.saved() == before)


def a_page_is_not_left_with_a_change_that_waits(window, viewer):
    window.choose_in("Frame Rate", 3, "15")
    window.find(WAITS)
    window.key("alt+Left")
    window.find("Apply the Changes?")
    window.key("Escape")
    window.gone("Apply the Changes?")
    window.find(WAITS)
    window.key("Escape")
    window.press("Discard")
    window.find("Open Lobby")
    assert rendition(window)["frame_rate"] == "10" and viewer.watches()

    window.press("Open Lobby")
    window.choose_in("Frame Rate", 3, "15")
    window.find(WAITS)
    window.press("Back")
    window.find("Apply the Changes?")
    # The bar has a button of the same name.
    window.key("Return")
    window.find("Open Lobby")
    wait_for("the frame rate", lambda: rendition(window)["frame_rate"] == "15")
    wait_for("the end of the viewer", lambda: not viewer.watches())


def changed_by_another_program(window):
    with open(window.config, "a", encoding="utf-8") as file:
        file.write("# by hand\n")


def what_waits_outlives_a_change_that_fails(window, viewer):
    window.choose_in("Frame Rate", 3, "15")
    window.find(WAITS)
    changed_by_another_program(window)
    window.press("Apply")
    window.find("Load It")
    window.find(WAITS)
    window.press("Load It")
    window.hears("Configuration loaded")
    window.find(WAITS)
    assert rendition(window)["frame_rate"] == "10" and viewer.watches()
    window.press("Cancel")
    window.gone(WAITS)


def with_a_viewer():
    """Whoever is cut off stays in the list for a while: one viewer for all of it."""
    window = Guarded(CONFIG)
    try:
        watched(window)
    finally:
        the_end_is_clean(window)


def watched(window):
    window.press("Open Lobby")
    with Viewer(login(window.address(), "guest", PASSWORD)) as viewer:
        window.gone("Nobody watches.")
        a_change_that_waits_holds_up_no_other(window, viewer)
        undo_takes_what_waits_before_what_was_done(window, viewer)
        what_waits_outlives_a_change_that_fails(window, viewer)
        a_page_is_not_left_with_a_change_that_waits(window, viewer)


def typed(window, row):
    text = window.find(row, "text").get_text_iface()
    return Atspi.Text.get_text(text, 0, -1)


def a_number_goes_as_far_as_its_key_is_pressed(window):
    window.press("Open Lobby")
    window.go_to("Bitrate (kbit/s)", "spin button")
    window.key(*["Up"] * 30)
    wait_for("the bitrate", lambda: rendition(window)["bitrate_kbps"] == 4000)
    window.go_to(f"Copy {window.address()}", "button")
    window.key("ctrl+z")
    wait_for("one change", lambda: rendition(window)["bitrate_kbps"] == 1000)


def what_was_typed_outlives_a_change_that_fails(window):
    changed_by_another_program(window)
    window.apply("Name", "Hall")
    window.find("Load It")
    assert typed(window, "Name") == "Hall" and stream(window)["name"] == "Lobby"
    window.press("Load It")
    window.hears("Configuration loaded")
    assert typed(window, "Name") == "Hall"
    window.go_to("Name", "text")
    window.key("Return")
    window.find("Turn on Hall")
    assert stream(window)["name"] == "Hall"


def a_password_that_is_not_there_is_not_copied(window):
    window.choose_in("Who Can Watch", 1, "Users with a password")
    window.press("Set the password of guest")
    window.find("Password of guest")
    assert window.is_sensitive("Copy Password")
    window.type("Password", "")
    wait_for("nothing to copy", lambda: not window.is_sensitive("Copy Password"))
    window.press("Cancel")
    window.gone("Password of guest")


def a_port_that_was_typed_outlives_a_change_that_fails(window):
    changed_by_another_program(window)
    window.key("alt+Left")
    window.find("Open Hall")
    window.key("ctrl+comma")
    window.apply("Port", "8600")
    window.find("Load It")
    assert typed(window, "Port") == "8600" and window.saved()["server"]["port"] == 0
    window.press("Load It")
    window.hears("Configuration loaded")
    assert typed(window, "Port") == "8600"


def main():
    tests = [
        a_number_goes_as_far_as_its_key_is_pressed,
        what_was_typed_outlives_a_change_that_fails,
        a_password_that_is_not_there_is_not_copied,
        a_port_that_was_typed_outlives_a_change_that_fails,
    ]
    return run(Guarded(CONFIG), tests, [with_a_viewer])


if __name__ == "__main__":
    sys.exit(main())
