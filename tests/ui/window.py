#!/usr/bin/env python3
"""Uses the window as a person with a screen reader would: by names and roles, over AT-SPI.

Needs a display and a session bus: dbus-run-session -- xvfb-run -a /usr/bin/python3 tests/ui/window.py
"""

import os
import re
import signal
import socket
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
PRESSED = ("button", "push button", "toggle button", "check box", "switch", "page tab")

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
        # The keyring of whoever runs the tests is not asked.
        self.passwords = os.path.join(self.folder.name, "secrets.toml")
        os.close(os.open(self.passwords, os.O_CREAT, 0o600))
        environment = os.environ | {
            "GSK_RENDERER": "cairo",
            "GDK_BACKEND": "x11",
            "GTK_A11Y": "atspi",
            "GSETTINGS_BACKEND": "memory",
            "LC_ALL": "C.UTF-8",
            "XDG_STATE_HOME": os.path.join(self.folder.name, "state"),
        }
        self.environment = environment
        self.start()

    def start(self):
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        self.program = subprocess.Popen(
            [PROGRAM, "--config", self.config], env=self.environment, stdout=self.log, stderr=self.log
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

    def act(self, name, action):
        """Does an action of what has this name, such as one of a card."""

        def done():
            for node in self.nodes():
                actions = node.get_action_iface() if node.get_name() == name else None
                for place in range(actions.get_n_actions() if actions is not None else 0):
                    if Atspi.Action.get_action_name(actions, place) == action:
                        return actions.do_action(place)
            return False

        wait_for(f"{action} of {name}", done)

    def key(self, *keys):
        """Types keys, as xdotool names them. Without a window manager the window has to be given the focus."""
        subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "^Headwater$", "windowfocus", "--sync", "key", *keys],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def focus(self, name):
        """Goes there as one does without a pointer."""
        self.find(name)

        def there():
            for node in self.nodes():
                if node.get_name() == name and node.get_state_set().contains(Atspi.StateType.FOCUSED):
                    return True
            self.key("Tab")
            return False

        wait_for(f"focus on {name}", there)

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

    def names(self):
        return [stream["name"] for stream in self.saved()["streams"]]

    def password(self, user):
        with open(self.passwords, "rb") as file:
            return tomllib.load(file).get(user)

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
    window.choose("Menu of Garage", 6)
    window.gone("Turn on Garage")
    assert [stream["id"] for stream in window.saved()["streams"]][:1] == ["lobby"]
    window.press("Undo")
    window.find("Turn on Garage")
    assert window.saved()["streams"][1]["id"] == "garage", "at its old place"


def a_change_is_undone_and_redone_by_keys(window):
    window.press("Turn on Lobby")
    window.says("Lobby", "Off")
    window.key("ctrl+z")
    window.says("Lobby", "Live")
    window.key("ctrl+shift+z")
    window.says("Lobby", "Off")
    window.choose("Main Menu", 0)
    window.says("Lobby", "Live")


def a_card_is_renamed_duplicated_moved_and_removed(window):
    window.focus("Turn on Lobby")
    window.key("F2")
    window.type("Name", " ")
    window.find("Give the stream a name.")
    window.type("Name", "Hall")
    window.press("Rename")
    window.find("Turn on Hall")
    assert window.saved()["streams"][0]["path"] == "/lobby", "the address stays"

    window.act("Hall", "card.duplicate")
    window.says("Hall (Copy)", "Live")
    copy = window.saved()["streams"][1]
    assert (copy["name"], copy["path"]) == ("Hall (Copy)", "/lobby-2"), copy
    window.act("Hall (Copy)", "card.move-earlier")
    wait_for("the copy first", lambda: window.names()[:2] == ["Hall (Copy)", "Hall"])
    window.focus("Turn on Hall (Copy)")
    window.key("Delete")
    window.gone("Turn on Hall (Copy)")
    window.press("Undo")
    window.find("Turn on Hall (Copy)")
    window.act("Hall (Copy)", "card.remove")
    window.gone("Turn on Hall (Copy)")
    window.act("Hall", "card.rename")
    window.type("Name", "Lobby")
    window.press("Rename")
    window.find("Turn on Lobby")


def streams_are_found_by_name_and_path(window):
    window.key("ctrl+f")
    window.type("Search streams", "GAR")
    window.gone("Turn on Lobby")
    window.find("Turn on Garage")
    window.type("Search streams", "nowhere")
    window.find("No Stream Found")
    window.key("Escape")
    window.find("Turn on Lobby")


def the_server_is_moved_to_another_port(window):
    window.key("ctrl+comma")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        window.type("Port", "70000")
        window.find("A port is a number from 1 to 65535; 8554 is common.")
        window.focus("Port")
        window.type("Port", str(port))
        window.key("Return")
        window.find(f"Port {port} is taken by another program. Choose another port, or end that program.")
        assert window.saved()["server"]["port"] == port
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    window.type("Port", str(port))
    window.key("Return")
    window.find(f"rtsp://127.0.0.1:{port}")
    socket.create_connection(("127.0.0.1", port), 2).close()
    window.key("Escape")


def can_watch(window, path, login=""):
    """A real player says whether somebody can watch."""
    names = lambda: (node.get_name() for node in window.nodes())  # noqa: E731
    address = wait_for("the address", lambda: next((n for n in names() if re.match(f"rtsp://.*{path}$", n)), None))
    address = address.replace("//", f"//{login}")
    # That packets come is enough: it is not asked what is in them.
    options = ["-rtsp_transport", "tcp", "-timeout", "5000000", "-analyzeduration", "1", "-probesize", "32"]
    command = ["ffprobe", "-v", "error", *options, "-i", address]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def a_user_is_added_with_rights_and_removed(window):
    window.says("Lobby", "Live")
    assert can_watch(window, "/lobby")
    window.key("ctrl+comma")
    window.press("Users")
    window.press("Add User…")
    window.type("Name", "a:b")
    window.find("The name of a user cannot have a colon.")
    window.type("Name", "ann")
    window.press("Add")
    window.press("Protect Lobby")
    wait_for("the right saved", lambda: window.saved()["streams"][0]["access"]["read"] == ["ann"])
    password = window.password("ann")
    assert password and len(password) >= 16, "one was made up"
    assert not can_watch(window, "/lobby"), "without a password"
    assert can_watch(window, "/lobby", f"ann:{password}@")

    # Nobody else may watch the lobby, so ann has to stay until somebody may.
    remove = window.find("Remove User", "button")
    assert not remove.get_state_set().contains(Atspi.StateType.SENSITIVE)
    window.press("Back")
    window.press("Add User…")
    window.type("Name", "bob")
    window.type("Password", "correct horse")
    window.press("Add")
    window.focus("Lobby")
    window.key("space")
    wait_for("the right saved", lambda: window.saved()["streams"][0]["access"]["read"] == ["ann", "bob"])
    assert can_watch(window, "/lobby", "bob:correct%20horse@")
    window.focus("Password")
    window.type("Password", "battery staple")
    window.key("Return")
    wait_for("the password kept", lambda: window.password("bob") == "battery staple")
    assert not can_watch(window, "/lobby", "bob:correct%20horse@")

    window.press("Remove User")
    window.find("“bob” removed")
    assert [user["name"] for user in window.saved()["users"]] == ["ann"]
    assert window.saved()["streams"][0]["access"]["read"] == ["ann"]
    window.press("Undo")
    window.find("bob")
    wait_for("bob back", lambda: window.saved()["streams"][0]["access"]["read"] == ["ann", "bob"])
    assert can_watch(window, "/lobby", "bob:battery%20staple@")
    window.key("Escape")


def what_another_program_wrote_is_loaded_when_asked(window):
    with open(window.config, encoding="utf-8") as file:
        text = file.read()
    with open(window.config, "w", encoding="utf-8") as file:
        file.write(text.replace('name = "Garage"', 'name = "Shed"'))
    window.press("Turn on Lobby")
    window.press("Load It")
    window.find("Turn on Shed")
    assert "Shed" in window.names()


def what_crashed_while_it_started_is_left_off_until_asked():
    window = Window(CONFIG)
    window.says("Lobby", "Live")
    window.program.kill()
    window.program.wait()
    state = os.path.join(window.folder.name, "state", "headwater")
    mark = os.path.join(state, os.listdir(state)[0])
    with open(mark, encoding="utf-8") as file:
        text = re.sub(r"starting = \[.*?\]", 'starting = ["lobby"]', file.read())
    with open(mark, "w", encoding="utf-8") as file:
        file.write(text)
    window.start()
    try:
        window.find("Headwater ended unexpectedly the last time. Not started: Lobby.")
        window.says("Lobby", "Failed")
        window.press("Start Them")
        window.says("Lobby", "Live")
    finally:
        complaints = window.end()
    assert not complaints, complaints


def a_bad_configuration_is_said_with_its_place():
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


def the_end_is_clean(window):
    try:
        complaints = window.end()
        assert not complaints, "".join(complaints)
    finally:
        window.program.kill()
        if os.environ.get("TEST_LOG"):
            window.log.seek(0)
            print(window.log.read())


def passes(test, *arguments):
    try:
        test(*arguments)
        print(f"test {test.__name__} ... ok", flush=True)
        return True
    except AssertionError as error:
        print(f"test {test.__name__} ... FAILED\n    {error}", flush=True)
        return False


def main():
    in_one_window = [
        every_control_has_a_name,
        a_card_says_what_its_stream_does,
        a_pattern_is_added_in_two_steps,
        wrong_input_is_marked_as_it_is_typed,
        a_switch_applies_at_once,
        what_is_removed_can_be_brought_back,
        a_change_is_undone_and_redone_by_keys,
        a_card_is_renamed_duplicated_moved_and_removed,
        streams_are_found_by_name_and_path,
        the_server_is_moved_to_another_port,
        a_user_is_added_with_rights_and_removed,
        what_another_program_wrote_is_loaded_when_asked,
    ]
    in_their_own = [
        what_crashed_while_it_started_is_left_off_until_asked,
        a_bad_configuration_is_said_with_its_place,
    ]
    # Words choose some of them.
    wanted = lambda test: all(word in test.__name__ for word in sys.argv[1:])  # noqa: E731
    window = Window(CONFIG)
    results = [passes(test, window) for test in filter(wanted, in_one_window)]
    results.append(passes(the_end_is_clean, window))
    results += [passes(test) for test in filter(wanted, in_their_own)]
    word = "ok" if all(results) else "FAILED"
    print(f"test result: {word}. {results.count(True)} passed; {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
