#!/usr/bin/env python3
"""Goes to every page by keys alone, and round each of them with Tab.

It fails on what can have the focus and has no name, on a focus that stays or does not come back, on a control
that can be used and that Tab never meets, and on a page that keys do not lead to. Needs what window.py needs.
"""

import socket
import sys

from drive.keys import MANY, Keys
from drive.reader import Viewer, probe
from drive.program import PRESSED, Atspi, Window, passes, shown, the_end_is_clean, wait_for, walk

STREAMS = """
[[users]]
name = "guest"
[[streams]]
id = "lobby"
name = "Lobby"
path = "/lobby"
source.pattern = { pattern = "smpte" }
access = { read = "anyone" }
[[streams]]
id = "garage"
name = "Garage"
path = "/garage"
source.file = { locations = ["/nowhere/garage.mp4", "/nowhere/yard.mp4"] }
access = { read = ["guest"] }
[[streams.renditions]]
size = "400x300"
frame_rate = "7"
bitrate_kbps = 700
[[streams.overlays]]
text = { text = "Doors close at six", position = "center" }
[[streams.overlays]]
clock = { position = "top-right" }
[[streams]]
id = "door"
name = "Door"
path = "/door"
source.relay = { address = "rtsp://127.0.0.1:9/door" }
access = { read = "anyone" }
"""

CONTROLS = (*PRESSED, "combo box", "entry", "link", "menu item", "slider", "spin button", "text", "text box")
# What every window of the desktop has, and the desktop has keys for; Escape closes a dialog.
OF_THE_DESKTOP = ("Minimize", "Maximize", "Close")


def place(node):
    """Which one it is, of all."""
    way = []
    while node is not None:
        way.append(node.get_index_in_parent())
        node = node.get_parent()
    return tuple(reversed(way))


def can_be_used(node):
    """GTK calls what is inside of something that is off sensitive."""
    while node is not None and node.get_role_name() != "frame":
        if not node.get_state_set().contains(Atspi.StateType.SENSITIVE):
            return False
        node = node.get_parent()
    return True


def said(node):
    return f"{node.get_role_name()} “{node.get_name()}”"


def top(window):
    """What the keys are for: the dialog that is open, or the window."""
    nodes = window.nodes()
    dialogs = [node for node in nodes if node.get_role_name() in ("dialog", "alert")]
    return dialogs[-1] if dialogs else window.application()


def round_trip(window, keys, *expected, nameless=""):
    """Tab leads to everything that can be used, and back to where it began."""
    for name in expected:
        window.find(name)
    stops = []
    for _ in range(MANY):
        # Within a text it goes to a link first.
        node = keys.type("Tab") or keys.type("Tab")
        assert node is not None, f"Tab does not leave {said(stops[-1][1]) if stops else 'where the focus is'}"
        if stops and place(node) == stops[0][0]:
            break
        assert place(node) not in [stop for stop, _ in stops], f"Tab comes back to {said(node)}, not to the start"
        stops.append((place(node), node))
    else:
        raise AssertionError(f"Tab never comes back to {said(stops[0][1])}")
    unsaid = [node for _, node in stops if not node.get_name() and node.get_role_name() != nameless]
    unsaid = [f"{said(node)} in {said(node.get_parent())}" for node in unsaid]
    assert not unsaid, f"the focus goes to what has no name: {unsaid}"

    met = [stop for stop, _ in stops]

    def is_met(node):
        way = place(node)
        if node.get_role_name() == "page tab":
            # Arrows lead from one to the next.
            way = way[:-1]
        # A row is used by its switch or its text, and the other way round.
        return any(way[: len(stop)] == stop or stop[: len(way)] == way for stop in met)

    missed = [
        said(node)
        for node in walk(top(window))
        if shown(node)
        and node.get_role_name() in CONTROLS
        and node.get_name() not in OF_THE_DESKTOP
        and can_be_used(node)
        and not is_met(node)
    ]
    assert not missed, f"Tab never meets {missed}; it meets {[said(node) for _, node in stops]}"

    back = keys.type("shift+Tab")
    assert back is not None and place(back) == met[-1], f"Shift+Tab does not go back to {said(stops[-1][1])}"
    return [node.get_name() for _, node in stops]


def the_grid(window, keys):
    window.says("Lobby", "Live")
    round_trip(window, keys, "Turn on Lobby", "Turn on Garage")


def the_viewers(window, keys):
    address = window.address("/lobby")
    window.press("Viewers")
    # What is only read has its keys in what scrolls it, which libadwaita gives no name.
    round_trip(window, keys, "No Viewers", nameless="scroll pane")
    with Viewer(address):
        window.find("Menu of 127.0.0.1")
        round_trip(window, keys, "Menu of 127.0.0.1")
        keys.go_to("Menu of 127.0.0.1")
        window.key("Return", "Down", "Return")
        window.find("Let In")
        probe(address)
        round_trip(window, keys, "Let In", "Copy who was refused", "Clear")
        keys.enter("Let In")
        keys.enter("Clear")
    window.find("No Viewers")
    window.press("Streams")
    window.find("Turn on Lobby")


def the_search(window, keys):
    keys.type("ctrl+f")
    round_trip(window, keys, "Search streams")
    keys.go_to("Search streams")
    window.leave("Search streams")


def the_menus(window, keys):
    for key, name in (("F10", "Main Menu"), ("Menu", "Menu of Lobby"), ("shift+F10", "Menu of Lobby")):
        if name != "Main Menu":
            keys.go_to("Turn on Lobby")
        menu = lambda: [n for n in window.nodes() if n.get_role_name() == "menu" and shown(n)]  # noqa: E731
        window.key(key)
        wait_for(f"the menu of {key}", menu)
        # GTK 4.18 gives the items no names: that each can be met has to do.
        items = [n for found in menu() for n in walk(found) if n.get_role_name() == "menu item"]
        met = {place(node) for node in (keys.type("Down") for _ in items) if node is not None}
        usable = [n for n in items if n.get_state_set().contains(Atspi.StateType.SENSITIVE)]
        assert len(met) >= len(usable), f"of {len(usable)} items, {len(met)} are met"
        window.key("Escape")
        wait_for("no menu", lambda: not menu())


def adding(window, keys):
    kinds = {
        "Test Pattern": "Pattern",
        "Video File": "Files",
        "Another Stream": "Address of the Other Stream",
        "Custom Pipeline": "GStreamer Pipeline",
    }
    for kind, row in kinds.items():
        window.key("ctrl+n")
        round_trip(window, keys, *kinds)
        keys.enter(kind)
        round_trip(window, keys, row, "Path of the Address")
        window.leave("Path of the Address", "Video File")


def renaming(window, keys):
    keys.go_to("Turn on Lobby")
    window.key("F2")
    round_trip(window, keys, "Rename")
    window.leave("Rename")


def the_page_of_a_pattern(window, keys):
    keys.enter("Open Lobby")
    round_trip(window, keys, "Add Text", "Pattern")
    window.key("alt+Left")
    window.find("Open Lobby")


def the_page_of_a_file(window, keys):
    keys.enter("Open Garage")
    round_trip(window, keys, "Add Files…", "Width x Height", "Bitrate (kbit/s)", "Remove Text", "Remove Clock")


def the_page_of_another_stream(window, keys):
    keys.enter("Open Door")
    round_trip(window, keys, "Address of the Other Stream")
    window.key("alt+Left")
    window.find("Open Lobby")


def the_dialogs_of_the_page(window, keys):
    keys.enter("Add User…")
    round_trip(window, keys, "User Name", "Make Up a Password", "Copy Password")
    window.leave("User Name")
    keys.enter("Set the password of guest")
    round_trip(window, keys, "Make Up a Password")
    window.leave("Make Up a Password")
    window.key("alt+Left")
    window.find("Open Lobby")


def the_preferences(window, keys):
    window.key("ctrl+comma")
    round_trip(window, keys, "Port")
    keys.go_to("Server")
    assert keys.type("Right").get_name() == "Users"
    window.key("space")
    round_trip(window, keys, "guest")
    keys.enter("guest")
    round_trip(window, keys, "Remove User", "Protect Lobby")
    keys.back()
    keys.enter("Add User…")
    round_trip(window, keys, "Make Up a Password")
    window.leave("Make Up a Password")
    keys.go_to("Users")
    assert keys.type("Right").get_name() == "Rights"
    window.key("space")
    round_trip(window, keys, "guest may watch Lobby")
    window.leave("guest may watch Lobby")


def about(window, keys):
    window.key("F10", "Up", "Up", "Return")
    for page in ("Details", "Legal"):
        round_trip(window, keys, page)
        keys.enter(page)
        # What is only read has its keys in what scrolls it, which libadwaita gives no name.
        round_trip(window, keys, "Back", nameless="scroll pane")
        keys.back()
    window.leave("Details")


def the_shortcuts(window, keys):
    window.key("ctrl+question")
    window.find("Add the copied file")
    window.key("Escape")
    window.gone("Add the copied file")


def the_undo_of_a_toast(window, keys):
    keys.go_to("Turn on Lobby")
    window.key("Delete")
    window.find("Undo")
    keys.enter("Undo")
    window.find("Turn on Lobby")


def the_empty_page(window, keys):
    round_trip(window, keys, "No Streams")


def a_failed_start(window, keys):
    round_trip(window, keys, "Try Again", "Open Folder")


def the_banner_and_the_port(window, keys):
    round_trip(window, keys, "Change Port…")
    keys.enter("Change Port…")
    stops = round_trip(window, keys, "Cancel")
    assert "Port" in stops, stops
    window.leave("Cancel")


def on(config, pages):
    window = Window(config)
    window.find("Headwater")
    keys = Keys(window)
    results = []
    for page in pages:
        if all(word in page.__name__ for word in sys.argv[1:]):
            results.append(passes(page, window, keys))
    if False in results:
        print("shown at the end:", ", ".join(n.get_name() for n in window.nodes() if n.get_name()))
    results.append(passes(the_end_is_clean, window))
    keys.end()
    return results


def main():
    results = on(
        "version = 1\n[server]\nport = 0\n" + STREAMS,
        [
            the_grid,
            the_viewers,
            the_search,
            the_menus,
            adding,
            renaming,
            the_page_of_a_pattern,
            the_page_of_another_stream,
            the_page_of_a_file,
            the_dialogs_of_the_page,
            the_preferences,
            about,
            the_shortcuts,
            the_undo_of_a_toast,
        ],
    )
    results += on("version = 1\n[server]\nport = 0\n", [the_empty_page])
    results += on("version = 1\n[server]\nprot = 8554\n", [a_failed_start])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        results += on(f"version = 1\n[server]\nport = {taken.getsockname()[1]}\n" + STREAMS, [the_banner_and_the_port])
    word = "ok" if all(results) else "FAILED"
    print(f"test result: {word}. {results.count(True)} passed; {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
