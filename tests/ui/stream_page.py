#!/usr/bin/env python3
"""Uses the page of a stream as a person with a screen reader would, and looks at it with a real reader.

Needs what window.py needs, and ffmpeg.
"""

import subprocess
import sys

from window import Atspi, Window, shown, wait_for, walk

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


def address(window):
    """Where the page says that the stream is."""
    return wait_for(
        "an address", lambda: next((n.get_name() for n in window.nodes() if n.get_name().startswith("rtsp://")), None)
    )


def go_to(window, name, role):
    """By the Tab key, as one does without a pointer."""

    def there():
        for node in window.nodes():
            if (node.get_name(), node.get_role_name()) == (name, role):
                if node.get_state_set().contains(Atspi.StateType.FOCUSED):
                    return True
        window.key("Tab")
        return False

    wait_for(f"focus on {name}", there)


def choose_in(window, row, place, name):
    """Chooses from a list by keys: GTK 4.18 gives the items no actions."""
    go_to(window, row, "combo box")
    window.key("space", "Home", *["Down"] * place, "Return")
    combo = window.find(row, "combo box")
    wait_for(f"{row}: {name}", lambda: any(n.get_name() == name for n in walk(combo) if shown(n)))


def apply(window, row, text):
    """Types into a row, key by key, then Enter."""
    go_to(window, row, "text")
    names = {" ": "space", "/": "slash", "×": "multiply"}
    window.key("ctrl+a", *[names.get(letter, letter) for letter in text], "Return")


def probe(url):
    """Width and height that a reader gets."""
    command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=width,height", "-of", "csv=p=0"]
    try:
        return subprocess.run([*command, url], capture_output=True, text=True, timeout=10).stdout.strip()
    except subprocess.TimeoutExpired:
        return ""


def brightest(url):
    """The brightest point of a decoded picture: black is 16."""
    command = ["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", url]
    command += ["-frames:v", "1", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"]
    picture = subprocess.run(command, capture_output=True, timeout=20).stdout
    # The upper two thirds of the bytes are brightness.
    return max(picture[: len(picture) * 2 // 3], default=0)


class Viewer:
    """Somebody who watches all the while."""

    def __init__(self, url):
        command = ["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-f", "null", "-"]
        self.program = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.kill()
        self.program.wait()

    def watches(self):
        return self.program.poll() is None


def a_card_opens_its_page(window):
    before = window.saved()
    window.press("Open Lobby")
    window.find("Preview of Lobby")
    window.find("Path of the Address", "text")
    assert probe(address(window)) == "640,360"
    assert window.saved() == before, "looking changes nothing"


def every_control_of_the_page_has_a_name(window):
    roles = ("button", "check box", "switch", "combo box", "text", "spin button")
    nameless = [
        node.get_role_name()
        for node in window.nodes()
        if node.get_state_set().contains(Atspi.StateType.FOCUSABLE)
        and node.get_role_name() in roles
        and not node.get_name()
    ]
    assert not nameless, f"without a name: {nameless}"


def a_name_is_changed_and_a_path_is_checked_as_it_is_typed(window):
    apply(window, "Name", "Hall")
    window.find("Turn on Hall")
    assert stream(window)["name"] == "Hall"
    window.type("Path of the Address", "/yard")
    window.find("“Yard” has this path already. Choose another.")
    apply(window, "Path of the Address", "/hall")
    window.gone("“Yard” has this path already. Choose another.")
    wait_for("the path", lambda: stream(window)["path"] == "/hall")
    wait_for("the address", lambda: address(window).endswith("/hall"))
    assert probe(address(window)) == "640,360"


def a_size_is_chosen_or_written(window):
    # As the source, 1920 × 1080, 1280 × 720, …
    choose_in(window, "Size", 3, "854 × 480")
    wait_for("the size", lambda: rendition(window)["size"] == "854x480")
    wait_for("the size in a reader", lambda: probe(address(window)) == "854,480")
    choose_in(window, "Size", 5, "Custom")
    window.type("Width x Height", "400")
    window.find("Write width and height, like 1280x720.")
    window.type("Width x Height", "4x4")
    window.find("Each side can have 16 to 8192 pixels.")
    apply(window, "Width x Height", "400 × 300")
    wait_for("the size", lambda: rendition(window)["size"] == "400x300")
    wait_for("the size in a reader", lambda: probe(address(window)) == "400,300")


def what_makes_viewers_connect_again_waits_for_a_yes(window):
    with Viewer(address(window)) as viewer:
        window.gone("Nobody watches.")
        choose_in(window, "Frame Rate", 3, "15")
        window.find("1 viewer will have to connect again.")
        assert rendition(window)["frame_rate"] == "10"
        window.press("Cancel")
        window.gone("1 viewer will have to connect again.")
        assert viewer.watches() and rendition(window)["frame_rate"] == "10"
        choose_in(window, "Frame Rate", 3, "15")
        window.find("1 viewer will have to connect again.")
        window.press("Apply")
        wait_for("the frame rate", lambda: rendition(window)["frame_rate"] == "15")
        wait_for("the end of the viewer", lambda: not viewer.watches())
    window.gone("1 viewer will have to connect again.")
    window.find("Nobody watches.")


def an_overlay_is_written_while_somebody_watches(window):
    assert brightest(address(window)) < 32, "the pattern is black"
    with Viewer(address(window)) as viewer:
        window.gone("Nobody watches.")
        go_to(window, "Add Text", "button")
        window.key("Return")
        wait_for("the text", lambda: stream(window).get("overlays"))
        apply(window, "Text", "Doors close at six")
        text = {"text": "Doors close at six", "position": "bottom-left"}
        wait_for("the text", lambda: stream(window)["overlays"] == [{"text": text}])
        wait_for("white letters", lambda: brightest(address(window)) > 200)
        choose_in(window, "Position of the Text", 4, "Center")
        wait_for("the place", lambda: stream(window)["overlays"][0]["text"]["position"] == "center")
        assert viewer.watches(), "the viewer did not notice"
        window.press("Remove Text")
        wait_for("no text", lambda: not stream(window).get("overlays"))
        wait_for("black", lambda: brightest(address(window)) < 32)
        assert viewer.watches(), "the viewer did not notice"


def a_stream_is_protected_for_a_new_user(window):
    open_address = address(window)
    choose_in(window, "Who Can Watch", 1, "Users with a password")
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
    apply(window, "Name", "Foyer")
    window.find("Turn on Foyer")
    go_to(window, "Back", "button")
    window.key("ctrl+z")
    window.find("Turn on Hall")
    typed = window.find("Path of the Address", "text").get_text_iface()
    assert Atspi.Text.get_text(typed, 0, -1) == "/half-typed", "what is typed stays"


def the_way_back_is_alt_left(window):
    go_to(window, "Back", "button")
    window.key("alt+Left")
    window.find("Open Hall")
    window.find("Open Yard")


def main():
    window = Window(CONFIG)
    tests = [
        a_card_opens_its_page,
        every_control_of_the_page_has_a_name,
        a_name_is_changed_and_a_path_is_checked_as_it_is_typed,
        a_size_is_chosen_or_written,
        what_makes_viewers_connect_again_waits_for_a_yes,
        an_overlay_is_written_while_somebody_watches,
        a_stream_is_protected_for_a_new_user,
        a_page_shows_what_was_changed_elsewhere,
        the_way_back_is_alt_left,
    ]
    failed = 0
    for test in tests:
        try:
            test(window)
            print(f"test {test.__name__} ... ok", flush=True)
        except AssertionError as error:
            failed += 1
            print(f"test {test.__name__} ... FAILED\n    {error}", flush=True)
    try:
        complaints = window.end()
        assert not complaints, "".join(complaints)
        print("test the_end_is_clean ... ok")
    except AssertionError as error:
        failed += 1
        print(f"test the_end_is_clean ... FAILED\n    {error}")
        window.program.kill()
    print(f"test result: {len(tests) + 1 - failed} passed; {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
