#!/usr/bin/env python3
"""Cameras and microphones, through the window: the desktop is asked, the list follows what is plugged in, and nobody watches
without a password.

Needs what window.py needs, ffmpeg, PipeWire, WirePlumber and xdg-desktop-portal.
"""

import sys

from drive.pipewire import PipeWire
from drive.portal import Access
from drive.program import Atspi, Window, passes, the_end_is_clean, wait_for, walk, shown
from drive.reader import login, loudest, probe

CONFIG = """
version = 1
[server]
port = 0
"""
NONE = "There is none. Plug one in: it is listed here by itself."
DENIED = (
    "Headwater may not use cameras."
    " Allow it in the settings of your desktop, then turn the stream off and on again."
)


SILENT = "The microphone is not there. Viewers hear silence."
AWAY = f"{SILENT} Plug it in: it is found again by itself. Or choose another one."


def camera(window):
    return window.saved()["streams"][0]["source"]["camera"]["name"]


def microphone(window):
    return window.saved()["streams"][0]["source"]["camera"].get("microphone")


def chosen(window, name, row="Camera"):
    combo = window.find(row, "combo box")
    return any(node.get_name() == name for node in walk(combo) if shown(node))


def add(window):
    window.find("No Streams")
    window.key("ctrl+n")
    window.press("Camera")


def a_camera_that_is_plugged_in_is_listed_shown_and_added_with_a_password(window, pipewire):
    add(window)
    window.find(NONE)
    assert not window.is_sensitive("Add"), "there is no camera"
    pipewire.plug("Desk", "ball")
    wait_for("the camera", lambda: chosen(window, "Desk"))
    assert chosen(window, "None", "Microphone"), "nobody asked for a microphone"
    window.find("Preview of Desk")
    rows = [node for node in window.nodes() if node.get_name() == "Ask for a Password"]
    locked = [node for node in rows if not node.get_state_set().contains(Atspi.StateType.SENSITIVE)]
    assert locked, "a camera is never open"
    window.press("Add")
    window.says("Desk", "Live")
    assert camera(window) == "Desk" and microphone(window) is None
    assert window.saved()["streams"][0]["access"]["read"] == ["guest"]
    assert probe(window.address("/desk")) != "640,480", "it was read without a password"
    assert probe(login(window.address("/desk"), "guest", window.password("guest"))) == "640,480"


def a_microphone_is_chosen_on_the_page_and_is_heard(window, pipewire):
    window.press("Open Desk")
    pipewire.plug_microphone("Desk Mic")
    window.choose_in("Microphone", 2, "Desk Mic")
    wait_for("the microphone", lambda: microphone(window) == {"name": "Desk Mic"})
    assert window.saved()["streams"][0]["sound"]["codec"] == "auto", "nobody would hear it"
    level = window.find("Sound level of Desk")
    wait_for("the tone", lambda: level.get_value_iface().get_current_value() > 0.5)
    address = login(window.address("/desk"), "guest", window.password("guest"))
    assert loudest(address) > 1000, "viewers hear nothing"


def one_that_is_unplugged_is_said_and_comes_back(window, pipewire):
    pipewire.unplug("Desk Mic")
    window.find(AWAY)
    window.find(SILENT)
    window.find("The microphone is not there.")
    assert chosen(window, "Desk Mic", "Microphone"), "it is still the one that is meant"
    window.find("Live")
    pipewire.plug_microphone("Desk Mic")
    wait_for("the microphone", lambda: all(node.get_name() not in (AWAY, SILENT) for node in window.nodes()))
    level = window.find("Sound level of Desk")
    wait_for("the tone", lambda: level.get_value_iface().get_current_value() > 0.5)
    window.choose_in("Microphone", 1, "Automatic")
    wait_for("the microphone of the desktop", lambda: microphone(window) == "auto")


def another_one_is_chosen_on_the_page(window, pipewire):
    pipewire.plug("Yard", "snow")
    window.choose_in("Camera", 1, "Yard")
    wait_for("the other camera", lambda: camera(window) == "Yard")
    assert microphone(window) == "auto", "another camera has the same microphone"


def a_camera_that_is_unplugged_says_so_and_comes_back(window, pipewire):
    pipewire.unplug("Yard")
    window.find("The camera is not there. Plug it in: it is found again by itself. Or choose another one.")
    assert chosen(window, "Yard"), "it is still the one that is meant"
    pipewire.plug("Yard", "snow")
    window.find("Live")


def without_permission_that_is_said(_window, pipewire):
    with Access(allows=False) as portal:
        window = Window(CONFIG, **portal.environment)
        try:
            add(window)
            window.find(DENIED)
            assert portal.asked, "the desktop was not asked"
            assert not window.is_sensitive("Add"), "there is no camera to add"
        finally:
            the_end_is_clean(window)


def main():
    with PipeWire(sound=True) as pipewire:
        with Access(allows=True):
            window = Window(CONFIG)
            tests = [
                a_camera_that_is_plugged_in_is_listed_shown_and_added_with_a_password,
                a_microphone_is_chosen_on_the_page_and_is_heard,
                one_that_is_unplugged_is_said_and_comes_back,
                another_one_is_chosen_on_the_page,
                a_camera_that_is_unplugged_says_so_and_comes_back,
            ]
            results = []
            for test in tests:
                # Each needs those before it.
                results.append(all(results) and passes(test, window, pipewire))
            if False in results:
                print("shown at the end:", ", ".join(n.get_name() for n in window.nodes() if n.get_name()))
            results.append(passes(the_end_is_clean, window))
        results.append(passes(without_permission_that_is_said, None, pipewire))
    word = "ok" if all(results) else "FAILED"
    print(f"test result: {word}. {results.count(True)} passed; {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
