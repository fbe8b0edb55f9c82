#!/usr/bin/env python3
"""Uses the window as a person with a screen reader would: by names and roles, over AT-SPI.

Needs a display and a session bus: dbus-run-session -- xvfb-run -a /usr/bin/python3 tests/ui/window.py
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PROGRAM = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(TOP, "target")), "debug", "headwater")
DEADLINE = 20.0
PRESSED = ("button", "push button", "toggle button", "check box", "switch")

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
[[streams]]
id = "garage"
name = "Garage"
path = "/garage"
source.file = { locations = ["/nowhere/garage.mp4"] }
access = { read = "anyone" }
"""


def wait_for(what, look):
    """Looks until there is something, and fails after the deadline."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        try:
            found = look()
        except GLib.Error:
            found = None  # What was looked at went away meanwhile.
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {DEADLINE:.0f} s")


def walk(node):
    yield node
    for place in range(node.get_child_count()):
        child = node.get_child_at_index(place)
        if child is not None:
            yield from walk(child)


def shown(node):
    states = node.get_state_set()
    return states.contains(Atspi.StateType.SHOWING) and states.contains(Atspi.StateType.VISIBLE)


class Window:
    def __init__(self, text):
        self.folder = tempfile.TemporaryDirectory()
        self.config = os.path.join(self.folder.name, "config.toml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        environment = os.environ | {
            "GSK_RENDERER": "cairo",
            "GDK_BACKEND": "x11",
            "GTK_A11Y": "atspi",
            "GSETTINGS_BACKEND": "memory",
            "LC_ALL": "C.UTF-8",
            "XDG_STATE_HOME": os.path.join(self.folder.name, "state"),
        }
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        self.program = subprocess.Popen(
            [PROGRAM, "--config", self.config], env=environment, stdout=self.log, stderr=self.log
        )

    def application(self):
        desktop = Atspi.get_desktop(0)
        for place in range(desktop.get_child_count()):
            application = desktop.get_child_at_index(place)
            if application is not None and application.get_process_id() == self.program.pid:
                return application
        return None

    def nodes(self):
        application = self.application()
        return [] if application is None else [node for node in walk(application) if shown(node)]

    def find(self, name, role=None):
        return wait_for(
            f"{role or 'something'} named {name}",
            lambda: next(
                (n for n in self.nodes() if n.get_name() == name and role in (None, n.get_role_name())), None
            ),
        )

    def gone(self, name):
        wait_for(f"{name} gone", lambda: all(node.get_name() != name for node in self.nodes()))

    def says(self, card, text):
        """Waits for a text within a card."""
        wait_for(
            f"{card} says {text}",
            lambda: any(
                node.get_name() == text
                for group in self.nodes()
                if group.get_name() == card and group.get_role_name() in ("grouping", "panel", "group")
                for node in walk(group)
                if shown(node)
            ),
        )

    def press(self, name):
        def pressed():
            for node in self.nodes():
                # A label of the same name has actions for its links.
                if node.get_name() == name and node.get_role_name() in PRESSED:
                    action = node.get_action_iface()
                    if action is not None and action.get_n_actions() > 0:
                        return action.do_action(0)
            return False

        wait_for(f"{name} pressed", pressed)

    def choose(self, menu, place):
        """GTK 4.18 gives the items of a menu no names."""
        self.press(menu)

        def items():
            menus = [n for n in self.nodes() if n.get_name() == menu and n.get_role_name() == "menu"]
            return [n for found in menus for n in walk(found) if n.get_role_name() == "menu item"]

        wait_for(f"items of {menu}", items)[place].get_action_iface().do_action(0)

    def type(self, name, text):
        def typed():
            for node in self.nodes():
                if node.get_name() == name:
                    for inner in walk(node):
                        editable = inner.get_editable_text_iface()
                        if editable is not None and editable.set_text_contents(text):
                            return True
            return False

        wait_for(f"{name} typed", typed)

    def saved(self):
        with open(self.config, "rb") as file:
            return tomllib.load(file)

    def end(self):
        """Ends it as the end of a session does. Gives back what it complained of."""
        self.program.send_signal(signal.SIGTERM)
        code = self.program.wait(DEADLINE)
        assert code == 0, f"it ended with code {code}"
        self.log.seek(0)
        return [line for line in self.log if re.search(r"-(WARNING|CRITICAL|ERROR) \*\*|panicked", line)]


def every_control_has_a_name(window):
    window.find("Turn on Lobby")
    nameless = [
        node.get_role_name()
        for node in window.nodes()
        if node.get_state_set().contains(Atspi.StateType.FOCUSABLE)
        and node.get_role_name() in (*PRESSED, "text", "entry")
        and not node.get_name()
    ]
    assert not nameless, f"without a name: {nameless}"


def a_card_says_what_its_stream_does(window):
    window.says("Lobby", "Live")
    window.find("Preview of Lobby")
    window.says("Garage", "Reconnecting")
    window.says("Garage", "“garage.mp4” does not exist.")


def a_pattern_is_added_in_two_steps(window):
    window.press("Add Stream")
    window.press("Test Pattern")
    window.press("Add")
    window.says("Color Bars", "Live")
    added = window.saved()["streams"][-1]
    assert added["path"] == "/color-bars", added


def wrong_input_is_marked_as_it_is_typed(window):
    window.press("Add Stream")
    window.press("Test Pattern")
    window.type("Path of the Address", "/color bars")
    window.find("A path cannot have spaces. Use “-” instead.")
    assert not window.find("Add", "button").get_state_set().contains(Atspi.StateType.SENSITIVE)
    window.type("Path of the Address", "/lobby")
    window.find("“Lobby” has this path already. Choose another.")
    window.type("Path of the Address", "/bars")
    window.gone("“Lobby” has this path already. Choose another.")
    window.press("Add")
    wait_for("the path saved", lambda: window.saved()["streams"][-1]["path"] == "/bars")


def a_switch_applies_at_once(window):
    window.press("Turn on Lobby")
    window.says("Lobby", "Off")
    wait_for("the change saved", lambda: window.saved()["streams"][0].get("enabled") is False)
    window.press("Turn on Lobby")
    window.says("Lobby", "Live")


def what_is_removed_can_be_brought_back(window):
    window.choose("Menu of Garage", 1)
    window.gone("Turn on Garage")
    assert [stream["id"] for stream in window.saved()["streams"]][:1] == ["lobby"]
    window.press("Undo")
    window.find("Turn on Garage")
    assert window.saved()["streams"][1]["id"] == "garage", "at its old place"


def a_bad_configuration_is_said_with_its_place(_):
    window = Window("version = 1\n[server]\nprot = 8554\n")
    try:
        wait_for(
            "line and suggestion",
            lambda: any("line 3" in n.get_name() and "port" in n.get_name() for n in window.nodes()),
        )
        window.find("Try Again")
        with open(window.config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        window.press("Try Again")
        window.says("Lobby", "Live")
    finally:
        complaints = window.end()
    assert not complaints, complaints


def main():
    window = Window(CONFIG)
    tests = [
        every_control_has_a_name,
        a_card_says_what_its_stream_does,
        a_pattern_is_added_in_two_steps,
        wrong_input_is_marked_as_it_is_typed,
        a_switch_applies_at_once,
        what_is_removed_can_be_brought_back,
        a_bad_configuration_is_said_with_its_place,
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
    if os.environ.get("TEST_LOG"):
        window.log.seek(0)
        print(window.log.read())
    print(f"test result: {len(tests) + 1 - failed} passed; {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
