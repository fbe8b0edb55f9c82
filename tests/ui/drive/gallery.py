"""Takes pictures of the window's pages: python3 -m drive.gallery FOLDER LOOK [PAGE…], in a display of its own.

build-aux/screenshots calls it for each look.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

from .other_program import OtherProgram
from .program import TOP, Window, wait_for
from .reader import Viewer, login, probe

# Where a picture may show it.
VIDEO = os.path.join(tempfile.gettempdir(), "Videos", "Big Buck Bunny.mp4")
CONFIG = """
version = 1
users = [{ name = "ann" }, { name = "recorder" }]
[server]
port = 0
[[streams]]
id = "lobby"
name = "Lobby"
path = "/lobby"
source.file = { locations = ["%s"] }
access = { read = "anyone" }
[[streams.overlays]]
clock = { position = "bottom-right" }
[[streams]]
id = "bars"
name = "Color Bars"
path = "/bars"
source.pattern = { pattern = "smpte100" }
access = { read = ["ann", "recorder"] }
[[streams.renditions]]
size = "1280x720"
frame_rate = "25"
[[streams.overlays]]
text = { text = "Camera 2", position = "top-left" }
[[streams]]
id = "garage"
name = "Garage"
path = "/garage"
source.file = { locations = ["/nowhere/garage.mp4"] }
access = { read = "anyone" }
[[streams]]
id = "night"
name = "A name that is rather long and has to be cut somewhere"
path = "/night"
source.pattern = { pattern = "ball" }
access = { read = "anyone" }
enabled = false
""" % VIDEO
# What README and the software centre show.
DEMO = """
version = 1
users = [{ name = "ann" }]
[server]
port = 8554
[[streams]]
id = "meadow"
name = "Meadow"
path = "/meadow"
source.file = { locations = ["%s"] }
access = { read = ["ann"] }
[[streams.overlays]]
clock = { position = "bottom-right" }
[[streams]]
id = "bars"
name = "Color Bars"
path = "/bars"
source.pattern = { pattern = "smpte" }
access = { read = "anyone" }
[[streams]]
id = "ball"
name = "Ball"
path = "/ball"
source.pattern = { pattern = "ball" }
access = { read = "anyone" }
[[streams]]
id = "zones"
name = "Zone Plate"
path = "/zones"
source.pattern = { pattern = "circular" }
access = { read = "anyone" }
enabled = false
""" % VIDEO
RELAY = """
version = 1
[server]
port = 0
[[streams]]
id = "yard"
name = "Yard"
path = "/yard"
source.relay = { address = "rtsp://192.0.2.20/live", transport = "tcp", user = "admin" }
access = { read = "anyone" }
"""
FOLDER = """
version = 1
[server]
port = 0
[[streams]]
id = "show"
name = "Show"
path = "/show"
source.file = { locations = ["%s", "%s"], shuffle = true }
access = { read = "anyone" }
[[streams]]
id = "empty"
name = "Empty"
path = "/empty"
source.file = { locations = ["/etc"] }
access = { read = "anyone" }
[[streams]]
id = "lost"
name = "Lost"
path = "/lost"
source.file = { locations = ["/run/user/1000/doc/1a2b3c4d/Night Drive.mp4"] }
access = { read = "anyone" }
[[streams]]
id = "clock"
name = "Clock"
path = "/clock"
source.pattern = { pattern = "smpte100", clock = true }
access = { read = "anyone" }
[[streams.renditions]]
size = "1280x720"
frame_rate = "25"
""" % (VIDEO, os.path.dirname(VIDEO))
CAMERA = """
version = 1
users = [{ name = "ann" }]
[server]
port = 0
[[streams]]
id = "desk"
name = "Desk"
path = "/desk"
source.camera = { name = "Integrated Camera", microphone = { name = "Webcam Mono" } }
access = { read = ["ann"] }
sound = { codec = "auto" }
"""
PUBLISHED = """
version = 1
users = [{ name = "ann" }, { name = "recorder" }]
[server]
port = 0
[[streams]]
id = "stage"
name = "Stage"
path = "/stage"
source.published = {}
access = { read = "anyone", publish = ["ann"] }
"""
EMPTY = "version = 1\nstreams = []\n[server]\nport = 0\n"
BROKEN = "version = 1\n[server]\nprot = 8554\n"

# Without a window manager GTK draws a frame of so many pixels around the window. It is left out of the pictures.
FRAME = 5
WIDE, NARROW = (1100, 760), (360, 720)
LIGHT, DARK = {"ADW_DEBUG_COLOR_SCHEME": "prefer-light"}, {"ADW_DEBUG_COLOR_SCHEME": "prefer-dark"}
CONTRAST = {"ADW_DEBUG_HIGH_CONTRAST": "1"}
ARABIC = {"LC_ALL": "ar_EG.UTF-8"}
# The window's size, its environment, and how large a text is.
LOOKS = {
    "wide-light": (WIDE, LIGHT, 1),
    "wide-dark": (WIDE, DARK, 1),
    "narrow-light": (NARROW, LIGHT, 1),
    "narrow-dark": (NARROW, DARK, 1),
    "high-contrast-light": (WIDE, LIGHT | CONTRAST, 1),
    "high-contrast-dark": (WIDE, DARK | CONTRAST, 1),
    "large-text": (WIDE, LIGHT, 1.5),
    "large-text-narrow": (NARROW, DARK, 1.5),
    "right-to-left": (WIDE, LIGHT | ARABIC, 1),
    "right-to-left-narrow": (NARROW, DARK | ARABIC, 1),
}


class Look(Window):
    """A window of one look."""

    def __init__(self, config, look):
        self.look = look
        super().__init__(config)

    def start(self):
        (width, height), environment, text_scale = self.look
        for user in ("ann", "recorder"):
            with open(self.passwords, "a", encoding="utf-8") as file:
                file.write(f'{user} = "correct horse"\n')
        # The buttons that GNOME shows.
        self.set_gtk("gtk-enable-animations=false\ngtk-decoration-layout=appmenu:close\n")
        resources = f"Xft.dpi: {96 * text_scale}"
        subprocess.run(["xprop", "-root", "-f", "RESOURCE_MANAGER", "8s", "-set", "RESOURCE_MANAGER", resources], check=True)
        self.environment |= environment
        super().start()
        name = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "^Headwater$"]
        size = [str(side + 2 * FRAME) for side in (width, height)]
        subprocess.run([*name, "windowmove", "0", "0", "windowsize", *size], check=True, timeout=20)


def cards(window):
    """Keys say nothing before there are cards."""
    wait_for("a card", lambda: any(node.get_name().startswith("Turn on ") for node in window.nodes()))


def card_menu(window):
    window.press("Menu of Lobby")


def search(window):
    cards(window)
    window.key("ctrl+f")
    window.type("Search streams", "nowhere")
    window.find("No Stream Found")


def add_pattern(window):
    window.press("Add Stream")
    window.press("Test Pattern")


def add_file_with_problem(window):
    window.press("Add Stream")
    window.press("Video File")
    window.type("Path of the Address", "/lobby")


def add_folder(window):
    cards(window)
    with OtherProgram("files", VIDEO, os.path.dirname(VIDEO)) as other:
        other.drop_on("Headwater")
        window.find("Shuffle")


def folder(window):
    page_of("Show")(window)
    window.focus("Each Picture (seconds)")


def passed_through(window):
    page_of("Show")(window)
    window.focus("Automatic Bitrate")


def clock(window):
    page_of("Clock")(window)
    window.focus("Milliseconds and Frame Number")


def add_relay(window):
    window.press("Add Stream")
    window.press("Another Stream")
    window.type("Address of the Other Stream", "rtsp://admin:correct%20horse@192.0.2.20/live")


def add_relay_with_problem(window):
    window.press("Add Stream")
    window.press("Another Stream")
    window.type("Address of the Other Stream", "rtspp://192.0.2.20/live")


def add_custom_with_problem(window):
    window.press("Add Stream")
    window.press("Custom Pipeline")
    window.type("GStreamer Pipeline", "videotestsource ! video/x-raw,width=320,height=240")
    window.find("There is no element “videotestsource”. Check how it is written, or install the GStreamer plugin that brings it.")


def add_published(window):
    window.press("Add Stream")
    window.press("Sent by a Program")


def add_camera(window):
    window.press("Add Stream")
    window.press("Camera")


def camera(window):
    page_of("Desk")(window)
    window.focus("Microphone")


def published(window):
    page_of("Stage")(window)
    window.focus("Copy the Command")


def sent(window):
    """Somebody sends, until the window ends."""
    page_of("Stage")(window)
    window.choose_in("Who Can Send", 0, "Anyone")
    clip = os.path.join(TOP, "tests", "data", "bigbuckbunny.mp4")
    command = ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", clip, "-an", "-c", "copy"]
    window.sender = subprocess.Popen([*command, "-f", "rtsp", "-rtsp_transport", "tcp", window.address("/stage")])
    window.go_to("Menu of 127.0.0.1", "toggle button")


def rights_to_send(window):
    window.says("Stage", "Waiting")
    window.key("ctrl+comma")
    window.press("Rights")
    window.find("Stage: Sending")


def preferences(window):
    cards(window)
    window.key("ctrl+comma")
    window.find("Port")


def users(window):
    preferences(window)
    window.press("Users")
    window.find("Add User…")


def add_user(window):
    users(window)
    window.press("Add User…")


def user(window):
    users(window)
    window.focus("ann")
    window.key("Return")
    window.find("Remove User")


def rights(window):
    preferences(window)
    window.press("Rights")
    window.find("ann may watch Lobby")


def security(window):
    preferences(window)
    window.press("Security")
    window.find("Allow an Address or Network")


def encryption(window):
    preferences(window)
    window.press("Encrypted Connections (RTSPS)")
    window.find("Fingerprint (SHA-256)")
    window.focus("Multicast Addresses")


def rename(window):
    window.focus("Turn on Lobby")
    window.key("F2")
    window.find("Rename")


def page_of(name):
    def opened(window):
        cards(window)
        # In a narrow window it may be further down.
        window.key("ctrl+f")
        window.type("Search streams", name)
        window.press(f"Open {name}")
        window.find("Path of the Address")

    return opened


def watched(window, open_page):
    """Some watch, and one was refused."""
    addresses = [window.address("/lobby"), login(window.address("/bars"), "ann", "correct horse")]
    viewers = [Viewer(address, transport) for address, transport in zip(addresses * 2, ("udp", "tcp", "tcp"))]
    window.viewers = viewers
    probe(window.address("/bars"))
    open_page(window)
    # Until a viewer on UDP has said what it misses.
    wait_for("a figure", lambda: any("packets lost" in node.get_name() for node in window.nodes()))


def viewers(window):
    def opened(window):
        window.press("Viewers")
        menu = lambda node: node.get_role_name() == "toggle button" and node.get_name().endswith("127.0.0.1")  # noqa: E731
        wait_for("viewers", lambda: len([node for node in window.nodes() if menu(node)]) == 3)

    watched(window, opened)


def viewer_figures(window):
    viewers(window)
    window.focus("127.0.0.1")
    window.key("Return")
    window.find("Bitrate")


def kept_away(window):
    viewers(window)
    window.choose("Menu of ann at 127.0.0.1", 1)
    window.find("Let In")


def viewers_empty(window):
    cards(window)
    window.press("Viewers")
    window.find("No Viewers")


def sound(window):
    page_of("Lobby")(window)
    window.choose_in("Sound Codec", 1, "Automatic")
    window.focus("Volume (per cent)")


def removed(window):
    window.act("Lobby", "card.remove")
    window.find("Undo")


def shortcuts(window):
    window.choose("Main Menu", 3)
    window.find("Copy address")


def address(window):
    cards(window)
    window.act("Color Bars", "card.show-address")
    window.press("With the Password")
    window.find("User")


# Each is opened in a window of its own, which ends with the picture.
PAGES = {
    "streams": (CONFIG, lambda window: window.says("Color Bars", "Live")),
    "empty": (EMPTY, lambda window: window.find("No Streams")),
    "broken": (BROKEN, lambda window: window.find("Try Again")),
    "address": (CONFIG, address),
    "card-menu": (CONFIG, card_menu),
    "sort-menu": (CONFIG, lambda window: window.press("Sort")),
    "main-menu": (CONFIG, lambda window: window.press("Main Menu")),
    "search": (CONFIG, search),
    "removed": (CONFIG, removed),
    "rename": (CONFIG, rename),
    "add": (CONFIG, lambda window: window.press("Add Stream")),
    "add-pattern": (CONFIG, add_pattern),
    "add-file": (CONFIG, add_file_with_problem),
    "add-folder": (CONFIG, add_folder),
    "add-relay": (CONFIG, add_relay),
    "add-relay-problem": (CONFIG, add_relay_with_problem),
    "add-custom-problem": (CONFIG, add_custom_with_problem),
    "add-published": (CONFIG, add_published),
    "add-camera": (CONFIG, add_camera),
    "camera": (CAMERA, camera),
    "viewers": (CONFIG, viewers),
    "viewers-empty": (CONFIG, viewers_empty),
    "viewer-figures": (CONFIG, viewer_figures),
    "viewers-kept-away": (CONFIG, kept_away),
    "stream": (CONFIG, page_of("Lobby")),
    "stream-sound": (CONFIG, sound),
    "stream-watched": (CONFIG, lambda window: watched(window, page_of("Lobby"))),
    "stream-protected": (CONFIG, page_of("Color Bars")),
    "stream-failed": (CONFIG, page_of("Garage")),
    "stream-folder": (FOLDER, folder),
    "stream-passed-through": (FOLDER, passed_through),
    "stream-clock": (FOLDER, clock),
    "streams-lost": (FOLDER, lambda window: window.says("Clock", "Live")),
    "stream-published": (PUBLISHED, published),
    "stream-sent": (PUBLISHED, sent),
    "rights-to-send": (PUBLISHED, rights_to_send),
    "streams-waiting": (PUBLISHED, lambda window: window.says("Stage", "Waiting")),
    "stream-relay": (RELAY, page_of("Yard")),
    "preferences": (CONFIG, preferences),
    "users": (CONFIG, users),
    "add-user": (CONFIG, add_user),
    "user": (CONFIG, user),
    "rights": (CONFIG, rights),
    "security": (CONFIG, security),
    "encryption": (CONFIG, encryption),
    "shortcuts": (CONFIG, shortcuts),
    "about": (CONFIG, lambda window: window.choose("Main Menu", 4)),
}
# These are taken only when they are asked for.
SHOWN = {
    "demo-streams": (DEMO, lambda window: window.says("Meadow", "Live")),
    "demo-stream": (DEMO, page_of("Meadow")),
    "demo-user": (DEMO, user),
}


def take(folder, look, page):
    config, opened = (PAGES | SHOWN)[page]
    window = Look(config, LOOKS[look])
    (width, height), _, _ = LOOKS[look]
    try:
        opened(window)
        # Pictures move all the while: there is no event for the last frame of the layout.
        time.sleep(1.5)
        area = ["-crop", f"{width}x{height}+{FRAME}+{FRAME}", "+repage"]
        picture = os.path.join(folder, f"{page}-{look}.png")
        subprocess.run(["import", "-window", "root", *area, picture], check=True)
    finally:
        for viewer in getattr(window, "viewers", []):
            viewer.end()
        window.end()


def main():
    folder, look, *pages = sys.argv[1:]
    os.makedirs(os.path.dirname(VIDEO), exist_ok=True)
    shutil.copy(os.path.join(TOP, "tests", "data", "bigbuckbunny.mp4"), VIDEO)
    for page in pages or PAGES:
        take(folder, look, page)


if __name__ == "__main__":
    main()
