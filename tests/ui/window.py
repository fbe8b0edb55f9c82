#!/usr/bin/env python3
"""The window: its cards, its dialogs, its preferences.

Needs a display and a session bus: dbus-run-session -- xvfb-run -a -s -noreset /usr/bin/python3 tests/ui/window.py
"""

import os
import re
import signal
import socket
import subprocess
import sys

from drive.program import DEADLINE, PROGRAM, Window, run, wait_for
from drive.reader import Viewer

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


def a_card_says_what_its_stream_does(window):
    window.says("Lobby", "Live")
    window.find("Preview of Lobby")
    window.says("Garage", "Reconnecting")
    window.says("Garage", "“garage.mp4” does not exist.")


def what_happens_to_a_stream_and_the_server_is_said_aloud():
    window = Window(CONFIG)
    try:
        window.hears("Garage: “garage.mp4” does not exist.")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            window.key("ctrl+comma")
            window.apply("Port", str(taken.getsockname()[1]))
            window.hears(f"Port {taken.getsockname()[1]} is taken by another program")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        window.apply("Port", str(port))
        window.hears("Listening")
    finally:
        complaints = window.end()
    assert not complaints, complaints


def a_pattern_is_seen_and_added_in_two_steps(window):
    window.press("Add Stream")
    window.press("Test Pattern")
    window.find("Preview of Color Bars")
    window.press("Add")
    window.says("Color Bars", "Live")
    added = window.saved()["streams"][-1]
    assert added["path"] == "/color-bars", added


def a_card_says_how_much_is_sent(window):
    sent = lambda: [n.get_name() for n in window.nodes() if re.fullmatch(r"[\d.]+ [kM]bit/s", n.get_name())]  # noqa: E731
    assert not sent(), "nobody watches"
    with Viewer(window.address("/lobby")):
        window.says("Lobby", "1 viewer")
        wait_for("the bitrate", sent)
    window.press("Turn on Lobby")
    window.says("Lobby", "Off")
    wait_for("no bitrate", lambda: not sent())
    window.press("Turn on Lobby")
    window.says("Lobby", "Live")


def wrong_input_is_marked_as_it_is_typed(window):
    window.press("Add Stream")
    window.press("Test Pattern")
    window.type("Path of the Address", "/color bars")
    window.find("A path cannot have spaces. Use “-” instead.")
    assert not window.is_sensitive("Add")
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
    window.choose("Menu of Garage", 7)
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
    assert not window.is_sensitive("Remove User")
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
    window.hears("“bob” removed")
    assert [user["name"] for user in window.saved()["users"]] == ["ann"]
    assert window.saved()["streams"][0]["access"]["read"] == ["ann"]
    window.press("Undo")
    window.find("bob")
    wait_for("bob back", lambda: window.saved()["streams"][0]["access"]["read"] == ["ann", "bob"])
    assert can_watch(window, "/lobby", "bob:battery%20staple@")
    window.key("Escape")


def rights_are_seen_and_given_in_a_table(window):
    window.key("ctrl+comma")
    window.press("Rights")

    def tick(name):
        # GTK 4.18 gives a check no action.
        window.go_to(name, "check box")
        window.key("space")

    reads = lambda number: window.saved()["streams"][number]["access"]["read"]  # noqa: E731
    tick("bob may watch Lobby")
    wait_for("bob without the right", lambda: reads(0) == ["ann"])
    alone = lambda: not window.is_sensitive("ann may watch Lobby", "check box")  # noqa: E731
    wait_for("the last one to stay", alone)
    tick("bob may watch Garage")
    wait_for("bob in the place of anyone", lambda: reads(1) == ["bob"])
    tick("Anyone may watch Garage")
    wait_for("anyone", lambda: reads(1) == "anyone")
    tick("Anyone may watch Lobby")
    wait_for("anyone", lambda: reads(0) == "anyone")
    assert can_watch(window, "/lobby")
    tick("Anyone may watch Lobby")
    wait_for("the first user in the place of anyone", lambda: reads(0) == ["ann"])
    assert not can_watch(window, "/lobby")
    tick("bob may watch Lobby")
    wait_for("both", lambda: reads(0) == ["ann", "bob"])
    window.key("Escape")
    window.gone("bob may watch Lobby")


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


def what_is_started_while_it_ends_has_its_window():
    window = Window(CONFIG)
    second = None
    try:
        window.says("Lobby", "Live")
        window.key("ctrl+q")
        second = subprocess.Popen(
            [PROGRAM, "--config", window.config], env=window.environment, stdout=window.log, stderr=window.log
        )
        assert window.program.wait(DEADLINE) == 0
        # The second one itself, or one that the first started when the second had asked it.
        window.adopt()
        window.says("Lobby", "Live")
        window.press("Turn on Lobby")
        window.says("Lobby", "Off")
    finally:
        if second is not None:
            window.program.send_signal(signal.SIGTERM)
            assert second.wait(DEADLINE) == 0
    wait_for("its end", lambda: not window.pids())


def main():
    in_one_window = [
        a_card_says_what_its_stream_does,
        a_pattern_is_seen_and_added_in_two_steps,
        a_card_says_how_much_is_sent,
        wrong_input_is_marked_as_it_is_typed,
        a_switch_applies_at_once,
        what_is_removed_can_be_brought_back,
        a_change_is_undone_and_redone_by_keys,
        a_card_is_renamed_duplicated_moved_and_removed,
        streams_are_found_by_name_and_path,
        the_server_is_moved_to_another_port,
        a_user_is_added_with_rights_and_removed,
        rights_are_seen_and_given_in_a_table,
        what_another_program_wrote_is_loaded_when_asked,
    ]
    in_their_own = [
        what_happens_to_a_stream_and_the_server_is_said_aloud,
        what_crashed_while_it_started_is_left_off_until_asked,
        a_bad_configuration_is_said_with_its_place,
        what_is_started_while_it_ends_has_its_window,
    ]
    return run(Window(CONFIG), in_one_window, in_their_own)


if __name__ == "__main__":
    sys.exit(main())
