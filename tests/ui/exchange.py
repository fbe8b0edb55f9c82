#!/usr/bin/env python3
"""What goes between the window and the rest of the desktop: files and texts that are pasted and dropped, what is
copied, passwords, and the keyring.

Needs what window.py needs, and gnome-keyring.
"""

import os
import re
import subprocess
import sys
import tempfile

from drive.other_program import OtherProgram, clipboard
from drive.program import TOP, Atspi, Gio, GLib, Window, run, wait_for, walk
from drive.reader import login, probe

VIDEO = os.path.realpath(os.path.join(TOP, "tests", "data", "bigbuckbunny.mp4"))
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
source.pattern = { pattern = "smpte" }
access = { read = ["guest"] }
"""


def written(window, name):
    """What a field says to a screen reader."""

    def field():
        fields = [n for n in window.nodes() if n.get_name() == name]
        return next((n for found in fields for n in walk(found) if n.get_editable_text_iface() is not None), None)

    return Atspi.Text.get_text(wait_for(f"the field {name}", field).get_text_iface(), 0, -1)


def a_file_that_is_pasted_is_added(window):
    with OtherProgram("files", VIDEO):
        window.key("ctrl+v")
        window.find("bigbuckbunny.mp4")
        window.press("Add")
    window.says("bigbuckbunny", "Live")
    assert window.saved()["streams"][1]["source"]["file"]["locations"] == [VIDEO]
    assert probe(window.address("/bigbuckbunny"))


def files_that_are_pasted_as_text_are_added(window):
    with OtherProgram("text", f"{VIDEO}\nfile:///nowhere/second%20part.mp4\n"):
        window.key("ctrl+v")
        window.find("bigbuckbunny.mp4\nsecond part.mp4")
    window.leave("Choose…", "Video File")


def a_text_that_is_no_file_is_not_pasted(window):
    with OtherProgram("text", "garage"):
        # The dialog of before is out of the way.
        window.focus("Turn on Lobby")
        window.key("ctrl+v")
        window.hears("There is no file and no address to paste")
        # Where one writes it is pasted as everywhere.
        window.key("ctrl+f")
        window.find("Search streams")
        window.key("ctrl+v")
        window.find("No Stream Found")
        window.key("Escape")
        window.find("Turn on Lobby")


def files_that_are_dropped_are_added(window):
    with OtherProgram("files", VIDEO) as other:
        other.drop_on("Headwater")
        window.find("bigbuckbunny.mp4")
    window.press("Add")
    window.says("bigbuckbunny", "Live")
    assert window.saved()["streams"][-1]["source"]["file"]["locations"] == [VIDEO]


def a_file_is_served_with_a_password_in_three_clicks(window):
    with OtherProgram("files", VIDEO) as other:
        other.drop_on("Headwater")
        window.find("bigbuckbunny.mp4")
    for click in ("Ask for a Password", "Add", "Copy Address With Password"):
        window.press(click)
    window.hears("Address copied with the password of “guest”")
    assert window.saved()["streams"][-1]["access"]["read"] == ["guest"]
    address = clipboard()
    assert address.startswith(f"rtsp://guest:{window.password('guest')}@"), address
    wait_for("a picture", lambda: probe(address))
    assert probe(window.address(address[address.rindex("/") :])) == "", "without the password"


def an_address_that_is_dropped_is_added(window):
    with OtherProgram("text", "rtsp://127.0.0.1:9/door") as other:
        other.drop_on("Headwater")
        window.find("Address of the Other Stream")
    window.press("Add")
    window.says("127.0.0.1", "Reconnecting")


def an_address_is_copied(window):
    window.press("Copy the address of Lobby")
    wait_for("the address", lambda: clipboard() == window.address("/lobby"))
    window.focus("Turn on Lobby")
    with OtherProgram("text", "something else"):
        assert clipboard() == "something else"
        window.key("ctrl+c")
        wait_for("the address", lambda: clipboard() == window.address("/lobby"))


def a_password_is_made_up_shown_and_copied(window):
    window.key("ctrl+comma")
    window.press("Users")
    window.press("Add User…")
    window.type("Name", "ann")
    window.press("Copy Password")
    wait_for("one that was made up", lambda: re.fullmatch(r"([a-z0-9]{4}-){3}[a-z0-9]{4}", clipboard()))
    first = clipboard()
    window.press("Make Up a Password")
    window.press("Copy Password")
    wait_for("another", lambda: clipboard() != first)
    password = clipboard()
    assert password not in written(window, "Password"), "it is hidden at first"
    window.press("Show Password")
    wait_for("it to be shown", lambda: written(window, "Password") == password)
    window.press("Add")
    window.find("Remove User")
    assert window.password("ann") == password
    window.leave("Remove User", "Add User…")


def passwords_that_others_can_read_are_not_used_until_they_cannot(window):
    window.end()
    os.chmod(window.passwords, 0o644)
    window.start()
    sentence = (
        f"Others can read “{window.passwords}”, so its passwords are not used."
        " Run “chmod 600” on it, and choose new passwords."
    )
    window.find(sentence)
    window.says("Lobby", "Live")
    window.press("Try Again")
    window.find(sentence)
    os.chmod(window.passwords, 0o600)
    window.press("Try Again")
    window.gone("Try Again")


def a_locked_keyring_is_said_and_unlocked():
    unlock = ["gnome-keyring-daemon", "--unlock", "--components=secrets"]
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"HOME": home, "XDG_DATA_HOME": home}
        subprocess.run(unlock, input="secret", env=environment, check=True, stdout=subprocess.DEVNULL, text=True)
        window = Window(CONFIG)
        window.says("Lobby", "Live")
        complaints = window.end()
        # With this file it would be the place of the passwords.
        os.remove(window.passwords)
        window.start()
        try:
            window.says("Lobby", "Password missing")
            window.key("ctrl+comma")
            window.press("Users")
            window.focus("guest")
            window.key("Return")
            window.find("Remove User")
            window.focus("Password")
            window.type("Password", "correct horse")
            window.key("Return")
            window.hears("Password set")
            window.leave("Remove User", "Add User…")
            window.says("Lobby", "Protected")
            assert not os.path.exists(window.passwords)
            url = login(window.address("/lobby"), "guest", "correct horse")
            wait_for("a reader", lambda: probe(url))
            complaints += window.end()

            keyring("lock")
            window.start()
            window.says("Lobby", "Keyring locked")
            url = login(window.address("/lobby"), "guest", "correct horse")
            assert probe(url) == "", "nobody is let in"
            # Nobody answers the question for its password.
            window.press("Unlock")
            window.hears("The keyring stays locked")
            keyring("unlock")
            window.press("Unlock")
            window.says("Lobby", "Protected")
            wait_for("a reader", lambda: probe(url))
        finally:
            complaints += window.end()
    assert not complaints, complaints


def keyring(what):
    """Locks the keyring, or unlocks it as somebody who knows its password does."""
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    collection = "/org/freedesktop/secrets/collection/login"

    def call(interface, method, arguments):
        name, path = "org.freedesktop.secrets", "/org/freedesktop/secrets"
        return bus.call_sync(name, path, interface, method, arguments, None, Gio.DBusCallFlags.NONE, -1)

    service = "org.freedesktop.Secret.Service"
    if what == "lock":
        return call(service, "Lock", GLib.Variant("(ao)", ([collection],)))
    session = call(service, "OpenSession", GLib.Variant("(sv)", ("plain", GLib.Variant("s", ""))))[1]
    secret = (session, b"", b"secret", "text/plain")
    interface = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
    return call(interface, "UnlockWithMasterPassword", GLib.Variant("(o(oayays))", (collection, secret)))


def main():
    in_one_window = [
        a_file_that_is_pasted_is_added,
        files_that_are_pasted_as_text_are_added,
        a_text_that_is_no_file_is_not_pasted,
        files_that_are_dropped_are_added,
        a_file_is_served_with_a_password_in_three_clicks,
        an_address_that_is_dropped_is_added,
        an_address_is_copied,
        a_password_is_made_up_shown_and_copied,
        passwords_that_others_can_read_are_not_used_until_they_cannot,
    ]
    window = Window(CONFIG)
    window.says("Lobby", "Live")
    return run(window, in_one_window, [a_locked_keyring_is_said_and_unlocked])


if __name__ == "__main__":
    sys.exit(main())
