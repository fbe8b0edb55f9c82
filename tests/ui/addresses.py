#!/usr/bin/env python3
"""Hands out addresses and arranges cards, in a network of the test's own, where addresses come and go.

Needs what window.py needs, ffmpeg, and in HEADWATER_TEST_PYTHON a Python with OpenCV, which reads QR codes.
"""

import os
import subprocess
import sys
import tempfile
import time

from drive.program import PROGRAM, Atspi, GLib, Window, run, wait_for, walk

USER, PASSWORD = "a b@c/ü", "p:/?#@%"
ESCAPED = "a%20b%40c%2F%C3%BC:p%3A%2F%3F%23%40%25"
CONFIG = """
version = 1
[server]
listen = "network"
port = 8554
[[users]]
name = "a b@c/ü"
[[streams]]
id = "lobby"
name = "Lobby"
path = "/lobby"
source.pattern = { pattern = "smpte" }
access = { read = "anyone" }
[[streams]]
id = "yard"
name = "Yard"
path = "/yard"
source.pattern = { pattern = "ball" }
access = { read = ["a b@c/ü"] }
[[streams.renditions]]
size = "320x240"
[[streams]]
id = "attic"
name = "Attic"
path = "/attic"
source.pattern = { pattern = "snow" }
access = { read = "anyone" }
enabled = false
"""
ELSEWHERE = CONFIG.replace('"network"', '"198.51.100.7"')
DECODE = "import sys, cv2; print(cv2.QRCodeDetector().detectAndDecode(cv2.imread(sys.argv[1]))[0])"


class Apart(Window):
    """A window in a network that has nothing but this computer."""

    def start(self):
        with open(self.passwords, "w", encoding="utf-8") as file:
            file.write(f'"{USER}" = "{PASSWORD}"\n')
        self.environment |= {"ADW_DEBUG_COLOR_SCHEME": "prefer-dark"}
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        alone = ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        command = [*alone, PROGRAM, "--config", self.config]
        self.program = subprocess.Popen(command, env=self.environment, stdout=self.log, stderr=self.log)

    def key(self, *keys):
        """To the first window: after dragging, GDK keeps one of a single point above it."""
        search = ["xdotool", "search", "--onlyvisible", "--name", "^Headwater$"]
        window = subprocess.run(search, check=True, capture_output=True, text=True).stdout.split()[0]
        subprocess.run(["xdotool", "windowfocus", "--sync", window, "key", *keys], check=True)

    def inside(self, *command):
        """What a command says that runs in the network of the window."""
        there = ["nsenter", "--target", str(self.program.pid), "--user", "--preserve-credentials", "--net"]
        return subprocess.run([*there, *command], check=True, capture_output=True, text=True, timeout=20).stdout

    def cards(self):
        """The streams, in the order of their cards."""
        turns = [n.get_name() for n in self.nodes() if n.get_name().startswith("Turn on ")]
        return [name.removeprefix("Turn on ") for name in turns]

    def pasted(self):
        """What was copied: it is pasted where another name is asked for, which is not taken."""
        self.act("Lobby", "card.rename")
        self.find("Rename")
        self.key("ctrl+a", "ctrl+v")
        row = self.find("Name", "text").get_text_iface()
        found = wait_for("a pasted text", lambda: (text := Atspi.Text.get_text(row, 0, -1)) != "Lobby" and text)
        self.key("Escape")
        self.gone("Rename")
        return found

    def search(self):
        """Goes to the cards, to search them."""
        self.key("ctrl+f")
        self.find("Turn on Lobby")
        self.type("Search streams", "lob")
        self.gone("Turn on Yard")
        self.key("Escape")
        self.find("Turn on Yard")

    def middle(self, name, part=0.5):
        """Where something is on the screen; `part` of its width from its left."""
        place = self.find(name).get_component_iface().get_extents(Atspi.CoordType.WINDOW)
        return int(place.x + place.width * part), place.y + place.height // 2

    def drag(self, name, other, part):
        """Drags the picture of one card onto that of another."""
        (x, y), (to_x, to_y) = self.middle(f"Open {name}"), self.middle(f"Open {other}", part)
        do = lambda *words: subprocess.run(["xdotool", *map(str, words)], check=True)  # noqa: E731
        do("mousemove", x, y, "mousedown", 1)
        # As a hand moves: a jump is not seen as dragging.
        for step in range(1, 21):
            do("mousemove", x + (to_x - x) * step // 20, y + (to_y - y) * step // 20)
            time.sleep(0.02)
        do("mouseup", 1)


def decoded():
    """What a QR code on the screen says to a phone."""
    with tempfile.TemporaryDirectory() as folder:
        picture = os.path.join(folder, "screen.png")
        subprocess.run(["import", "-window", "root", picture], check=True)
        python = os.environ.get("HEADWATER_TEST_PYTHON", "python3")
        return subprocess.run([python, "-c", DECODE, picture], check=True, capture_output=True, text=True).stdout.strip()


def an_address_is_shown_while_there_is_one(window):
    window.press("Open Lobby")
    window.find("rtsp://127.0.0.1:8554/lobby")
    window.find("Address on This Computer")
    window.inside("ip", "address", "add", "198.51.100.7/24", "dev", "lo")
    window.find("rtsp://198.51.100.7:8554/lobby")
    window.find("Address on lo")
    window.press("Copy rtsp://198.51.100.7:8554/lobby")
    window.hears("Address copied")
    window.search()
    assert window.pasted() == "rtsp://198.51.100.7:8554/lobby"
    window.find("rtsp://198.51.100.7:8554/yard")
    window.inside("ip", "address", "del", "198.51.100.7/24", "dev", "lo")
    window.find("rtsp://127.0.0.1:8554/yard")


def an_address_is_copied_with_or_without_the_password(window):
    window.act("Yard", "card.copy-address")
    assert window.pasted() == "rtsp://127.0.0.1:8554/yard"
    window.choose("Menu of Yard", 2)
    window.hears(f"Address copied with the password of “{USER}”")
    address = window.pasted()
    assert address == f"rtsp://{ESCAPED}@127.0.0.1:8554/yard", address
    probe = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=width", "-of", "csv=p=0"]
    assert window.inside(*probe, address).strip() == "320"


def a_phone_reads_the_address(window):
    window.act("Yard", "card.show-address")
    window.find("QR code of rtsp://127.0.0.1:8554/yard")
    wait_for("the code", lambda: decoded() == "rtsp://127.0.0.1:8554/yard")
    window.press("With the Password")
    window.find(f"QR code of rtsp://{USER}:•••@127.0.0.1:8554/yard")
    wait_for("the code", lambda: decoded() == f"rtsp://{ESCAPED}@127.0.0.1:8554/yard")
    said = [node.get_name() for node in window.nodes() if PASSWORD in node.get_name() or "p%3A" in node.get_name()]
    assert not said, f"the password is seen: {said}"
    # The code follows the address.
    window.inside("ip", "address", "add", "198.51.100.7/24", "dev", "lo")
    wait_for("the code", lambda: decoded() == f"rtsp://{ESCAPED}@198.51.100.7:8554/yard")
    window.inside("ip", "address", "del", "198.51.100.7/24", "dev", "lo")
    window.key("Escape")
    window.gone("With the Password")


def a_card_is_dragged_to_another_place(window):
    wait_for("the cards", lambda: window.cards() == ["Lobby", "Yard", "Attic"])
    window.press("Turn on Attic")
    window.says("Attic", "Live")
    window.drag("Lobby", "Yard", 0.8)
    wait_for("the order", lambda: window.cards() == ["Yard", "Lobby", "Attic"])
    window.drag("Attic", "Yard", 0.2)
    wait_for("the order", lambda: window.names() == ["Attic", "Yard", "Lobby"])
    # A card that was made anew has a preview as well.
    window.says("Attic", "Live")
    window.key("ctrl+z")
    wait_for("one step back", lambda: window.names() == ["Yard", "Lobby", "Attic"])
    window.key("ctrl+z")
    wait_for("another step back", lambda: window.cards() == ["Lobby", "Yard", "Attic"])
    window.press("Turn on Attic")
    window.says("Attic", "Off")


def cards_are_sorted(window):
    window.choose("Sort", 1)
    wait_for("the names", lambda: window.cards() == ["Attic", "Lobby", "Yard"])
    window.drag("Attic", "Yard", 0.8)
    assert window.names() == ["Lobby", "Yard", "Attic"], "what is sorted is not arranged"
    window.choose("Sort", 2)
    wait_for("what runs first", lambda: window.cards() == ["Lobby", "Yard", "Attic"])
    window.press("Turn on Lobby")
    wait_for("what runs first", lambda: window.cards() == ["Yard", "Lobby", "Attic"])
    window.choose("Sort", 0)
    wait_for("their own order", lambda: window.cards() == ["Lobby", "Yard", "Attic"])
    window.press("Turn on Lobby")


def a_switch_stays_where_it_was_put(window):
    window.says("Lobby", "Live")
    turned = []
    listener = Atspi.EventListener.new(lambda event: turned.append((event.source.get_name(), event.detail1)))
    listener.register("object:state-changed:checked")

    def is_off():
        while GLib.MainContext.default().iteration(False):
            pass
        return ("Turn on Lobby", 0) in turned and window.says("Lobby", "Off") is None

    window.press("Turn on Lobby")
    wait_for("off", is_off)
    # The stream has ended by now: what its end did to the switch was told.
    is_off()
    listener.deregister("object:state-changed:checked")
    assert turned == [("Turn on Lobby", 0)], f"it jumped: {turned}"
    window.press("Turn on Lobby")
    window.says("Lobby", "Live")


def the_keys_of_a_card_work_on_its_page(window):
    window.press("Open Yard")
    window.go_to("Turn on Yard", "check box")
    window.key("ctrl+c")
    window.hears("Address copied")
    window.key("F2")

    def typing():
        return any(
            node.get_name() == "Name" and node.get_state_set().contains(Atspi.StateType.FOCUSED)
            for node in window.nodes()
        )

    wait_for("the name to be typed", typing)
    window.go_to("Turn on Yard", "check box")
    window.search()
    assert window.pasted() == "rtsp://127.0.0.1:8554/yard"
    window.press("Open Yard")
    window.go_to("Turn on Yard", "check box")
    window.key("Delete")
    window.gone("Turn on Yard")
    window.press("Undo")
    window.find("Turn on Yard")
    assert window.names() == ["Lobby", "Yard", "Attic"]


def what_waits_for_an_address_listens_when_it_is_there():
    window = Apart(ELSEWHERE)
    try:
        window.find("198.51.100.7 is not an address of this computer")
        # The banner keeps its name when it is hidden, its button does not.
        window.find("Preferences", "button")
        window.inside("ip", "address", "add", "198.51.100.7/24", "dev", "lo")
        window.find("rtsp://198.51.100.7:8554/lobby")
        window.gone("Preferences")
    finally:
        complaints = window.end()
    assert not complaints, complaints


def main():
    in_one_window = [
        an_address_is_shown_while_there_is_one,
        an_address_is_copied_with_or_without_the_password,
        a_phone_reads_the_address,
        a_card_is_dragged_to_another_place,
        cards_are_sorted,
        a_switch_stays_where_it_was_put,
        the_keys_of_a_card_work_on_its_page,
    ]
    return run(Apart(CONFIG), in_one_window, [what_waits_for_an_address_listens_when_it_is_there])


if __name__ == "__main__":
    sys.exit(main())
