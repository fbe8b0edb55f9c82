#!/usr/bin/env python3
"""The page of a stream, looked at with a real reader.

Needs what window.py needs, and ffmpeg.
"""

import sys

from drive.program import Atspi, Window, run, wait_for
from drive.reader import Viewer, brightest, loudest, probe

CONFIG = """
version = 1
[server]
port = 0
[[streams]]
id = "lobby"
name = "Lobby"
path = "/lobby"
source.pattern = { pattern = "black" }
access = { read = "anyone" }
[[streams.renditions]]
size = "640x360"
frame_rate = "10"
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


def stream(window):
    return window.saved()["streams"][0]


def rendition(window):
    return stream(window)["renditions"][0]


def a_card_opens_its_page(window):
    before = window.saved()
    window.press("Open Lobby")
    window.find("Preview of Lobby")
    window.find("Path of the Address", "text")
    assert probe(window.address()) == "640,360"
    assert window.saved() == before, "looking changes nothing"


def a_name_is_changed_and_a_path_is_checked_as_it_is_typed(window):
    window.apply("Name", "Hall")
    window.find("Turn on Hall")
    assert stream(window)["name"] == "Hall"
    window.type("Path of the Address", "/yard")
    window.find("“Yard” has this path already. Choose another.")
    window.apply("Path of the Address", "/hall")
    window.gone("“Yard” has this path already. Choose another.")
    wait_for("the path", lambda: stream(window)["path"] == "/hall")
    wait_for("the address", lambda: window.address().endswith("/hall"))
    assert probe(window.address()) == "640,360"


def a_size_is_chosen_or_written(window):
    # As the source, 1920 × 1080, 1280 × 720, …
    window.choose_in("Size", 3, "854 × 480")
    wait_for("the size", lambda: rendition(window)["size"] == "854x480")
    wait_for("the size in a reader", lambda: probe(window.address()) == "854,480")
    window.choose_in("Size", 5, "Custom")
    window.type("Width x Height", "400")
    window.find("Write width and height, like 1280x720.")
    window.type("Width x Height", "4x4")
    window.find("Each side can have 16 to 8192 pixels.")
    window.apply("Width x Height", "400 × 300")
    wait_for("the size", lambda: rendition(window)["size"] == "400x300")
    wait_for("the size in a reader", lambda: probe(window.address()) == "400,300")


def what_makes_viewers_connect_again_waits_for_a_yes(window):
    with Viewer(window.address()) as viewer:
        window.gone("Nobody watches.")
        window.choose_in("Frame Rate", 3, "15")
        window.find("1 viewer will have to connect again.")
        assert rendition(window)["frame_rate"] == "10"
        window.press("Cancel")
        window.gone("1 viewer will have to connect again.")
        assert viewer.watches() and rendition(window)["frame_rate"] == "10"
        window.choose_in("Frame Rate", 3, "15")
        window.find("1 viewer will have to connect again.")
        window.press("Apply")
        wait_for("the frame rate", lambda: rendition(window)["frame_rate"] == "15")
        wait_for("the end of the viewer", lambda: not viewer.watches())
    window.gone("1 viewer will have to connect again.")
    window.find("Nobody watches.")


def an_overlay_is_written_while_somebody_watches(window):
    assert brightest(window.address()) < 32, "the pattern is black"
    with Viewer(window.address()) as viewer:
        window.gone("Nobody watches.")
        window.enter("Add Text")
        wait_for("the text", lambda: stream(window).get("overlays"))
        window.apply("Text", "Doors close at six")
        text = {"text": "Doors close at six", "position": "bottom-left"}
        wait_for("the text", lambda: stream(window)["overlays"] == [{"text": text}])
        wait_for("white letters", lambda: brightest(window.address()) > 200)
        window.choose_in("Position of the Text", 4, "Center")
        wait_for("the place", lambda: stream(window)["overlays"][0]["text"]["position"] == "center")
        assert viewer.watches(), "the viewer did not notice"
        window.press("Remove Text")
        wait_for("no text", lambda: not stream(window).get("overlays"))
        wait_for("black", lambda: brightest(window.address()) < 32)
        assert viewer.watches(), "the viewer did not notice"


def what_viewers_see_of_a_lost_source_is_chosen(window):
    window.choose_in("Viewers See", 2, "Nothing")
    wait_for("nothing", lambda: stream(window).get("slate") == "off")
    window.go_to("Lost After (seconds)", "spin button")
    window.key(*["Up"] * 3)
    wait_for("the time", lambda: stream(window).get("lost_after_seconds") == 8)
    window.choose_in("Viewers See", 0, "The Last Picture, Dimmed")
    wait_for("the last picture", lambda: "slate" not in stream(window))


def the_sound_is_chosen(window):
    assert not window.is_sensitive("Mute", "check box"), "there is no sound"
    window.choose_in("Sound Codec", 3, "Opus")
    wait_for("the codec", lambda: stream(window).get("sound", {}).get("codec") == "opus")
    wait_for("no sound in a reader", lambda: probe(window.address(), "a") == "")
    window.choose_in("Test Sound", 1, "A Tone")
    wait_for("the tone", lambda: stream(window)["source"]["pattern"].get("sound") == "sine")
    wait_for("the sound in a reader", lambda: probe(window.address(), "a") == "opus")
    window.find("Sound level of Hall")
    window.find("Opus\nEncoded by opusenc.")
    window.go_to("Volume (per cent)", "spin button")
    window.key(*["Down"] * 4)
    wait_for("the volume", lambda: stream(window)["sound"]["volume"] == 80)


def what_is_muted_stays_connected(window):
    with Viewer(window.address()) as viewer:
        window.gone("Nobody watches.")
        window.press("Mute")
        wait_for("silence", lambda: stream(window)["sound"]["mute"] is True)
        wait_for("nothing heard", lambda: loudest(window.address()) < 100)
        window.press("Mute")
        wait_for("sound", lambda: stream(window)["sound"]["mute"] is False)
        wait_for("something heard", lambda: loudest(window.address()) > 1000)
        assert viewer.watches(), "the viewer did not notice"


def a_stream_is_protected_for_a_new_user(window):
    open_address = window.address()
    window.choose_in("Who Can Watch", 1, "Users with a password")
    window.type("User Name", "guest")
    window.type("Password", "correct horse")
    window.press("Add")
    wait_for("the right", lambda: stream(window)["access"]["read"] == ["guest"])
    window.find("Protected")
    wait_for("a refusal", lambda: probe(open_address) == "")
    inside = open_address.replace("rtsp://", "rtsp://guest:correct%20horse@")
    wait_for("a login", lambda: probe(inside) == "400,300")
    window.press("guest")
    window.find("At least one user has to be able to watch.")
    assert stream(window)["access"]["read"] == ["guest"]


def a_page_shows_what_was_changed_elsewhere(window):
    window.type("Path of the Address", "/half-typed")
    window.apply("Name", "Foyer")
    window.find("Turn on Foyer")
    window.go_to("Back", "button")
    window.key("ctrl+z")
    window.find("Turn on Hall")
    typed = window.find("Path of the Address", "text").get_text_iface()
    assert Atspi.Text.get_text(typed, 0, -1) == "/half-typed", "what is typed stays"


def the_way_back_is_alt_left(window):
    window.go_to("Back", "button")
    window.key("alt+Left")
    window.find("Open Hall")
    window.find("Open Yard")


def a_card_mutes_its_stream(window):
    window.find("Sound level of Hall")
    window.press("Mute Hall")
    wait_for("silence", lambda: stream(window)["sound"]["mute"] is True)
    window.press("Mute Hall")
    wait_for("sound", lambda: stream(window)["sound"]["mute"] is False)
    window.gone("Mute Yard")


def main():
    tests = [
        a_card_opens_its_page,
        a_name_is_changed_and_a_path_is_checked_as_it_is_typed,
        a_size_is_chosen_or_written,
        what_makes_viewers_connect_again_waits_for_a_yes,
        an_overlay_is_written_while_somebody_watches,
        what_viewers_see_of_a_lost_source_is_chosen,
        the_sound_is_chosen,
        what_is_muted_stays_connected,
        a_stream_is_protected_for_a_new_user,
        a_page_shows_what_was_changed_elsewhere,
        the_way_back_is_alt_left,
        a_card_mutes_its_stream,
    ]
    return run(Window(CONFIG), tests)


if __name__ == "__main__":
    sys.exit(main())
