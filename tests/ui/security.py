#!/usr/bin/env python3
"""Whom the server keeps out: rules for addresses, those who guess passwords, and what becomes of those who watch when
a password changes.

Needs what window.py needs, and ffmpeg.
"""

import sys

from drive.program import run, wait_for
from drive.reader import Viewer, login, probe
from forms import PASSWORD, Guarded

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
access = { read = ["guest"] }
[[streams.renditions]]
size = "320x240"
frame_rate = "10"
"""
DENY = "Deny an Address or Network"
LOCKED_OUT = "“guest” at 127.0.0.1"


def url(window, password=PASSWORD):
    return login(window.lobby, "guest", password)


def denied(window):
    return window.saved()["server"].get("addresses", {}).get("deny", [])


def deny(window, address):
    window.focus(DENY)
    window.type(DENY, address)
    window.key("Return")


def watching(window):
    viewer = Viewer(url(window))
    # Another one is served while this one is there.
    window.says("Lobby", "1 viewer")
    return viewer


def open_page(window, name):
    window.key("ctrl+comma")
    window.press(name)


def a_rule_is_checked_as_it_is_typed(window):
    window.lobby = window.address("/lobby")
    open_page(window, "Security")
    window.focus(DENY)
    window.type(DENY, "192.168.1.7/24")
    window.find("Write “192.168.1.0/24” for the whole network, or the address alone.")
    window.key("Return")
    window.type(DENY, "nobody")
    window.find("Write an address like “192.168.1.7”, or a network like “192.168.1.0/24”.")
    assert denied(window) == []
    deny(window, "192.168.1.0/24")
    window.find("Remove 192.168.1.0/24")
    wait_for("the rule", lambda: denied(window) == ["192.168.1.0/24"])
    window.type(DENY, "192.168.1.0/24")
    window.find("This is in the list already.")
    window.type(DENY, "")
    assert probe(url(window)) == "320,240"
    window.leave(DENY)


def whoever_watches_is_sent_away_by_a_rule_only_where_that_is_meant(window):
    with watching(window) as viewer:
        open_page(window, "Security")
        deny(window, "127.0.0.1")
        window.find("Send 1 Viewer Away?")
        window.press("Cancel")
        window.gone("Send 1 Viewer Away?")
        assert denied(window) == ["192.168.1.0/24"] and viewer.watches()
        deny(window, "127.0.0.0/8")
        window.press("Send Away")
        wait_for("the end of the viewer", lambda: not viewer.watches())
    assert probe(url(window)) == ""
    window.press("Remove 127.0.0.0/8")
    window.gone("Remove 127.0.0.0/8")
    assert denied(window) == ["192.168.1.0/24"]
    wait_for("a reader", lambda: probe(url(window)))


def who_guesses_is_locked_out_and_let_in_by_hand(window):
    def shown():
        probe(url(window, "guess"))
        return any(node.get_name() == f"Let in {LOCKED_OUT}" for node in window.nodes())

    wait_for("the lock-out", shown)
    assert probe(url(window)) == "", "the right password is not looked at"
    window.press(f"Let in {LOCKED_OUT}")
    window.gone(f"Let in {LOCKED_OUT}")
    assert probe(url(window)) == "320,240"
    window.leave(DENY)


def who_watches_stays_or_leaves_when_the_password_changes(window):
    def change(password, answer):
        window.focus("Password")
        window.type("Password", password)
        window.key("Return")
        window.find("Change the Password?")
        window.press(answer)
        window.gone("Change the Password?")

    with watching(window) as viewer:
        open_page(window, "Users")
        window.focus("guest")
        window.key("Return")
        window.find("Remove User")
        change("never", "Cancel")
        assert window.password("guest") == PASSWORD
        change("second", "Let Them Stay")
        wait_for("the second password", lambda: window.password("guest") == "second")
        wait_for("a reader", lambda: probe(url(window, "second")))
        assert probe(url(window)) == "" and viewer.watches()
        change("third", "Send Them Away")
        wait_for("the end of the viewer", lambda: not viewer.watches())
        assert window.password("guest") == "third"


def main():
    story = [
        a_rule_is_checked_as_it_is_typed,
        whoever_watches_is_sent_away_by_a_rule_only_where_that_is_meant,
        who_guesses_is_locked_out_and_let_in_by_hand,
        who_watches_stays_or_leaves_when_the_password_changes,
    ]
    return run(Guarded(CONFIG), story, is_story=True)


if __name__ == "__main__":
    sys.exit(main())
