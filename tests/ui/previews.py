#!/usr/bin/env python3
"""Holds that a preview runs exactly while somebody can see it, under a real window manager: mutter, on X and on
Wayland.

Nobody reads these streams, so each of them is live exactly while its preview runs, and asleep otherwise: the program
logs which. Needs what window.py needs, and mutter.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile

from drive.program import Atspi, Window, run, wait_for

STREAMS = [f"s{number}" for number in range(1, 25)]
CONFIG = "version = 1\n[server]\nport = 0\n" + "".join(
    f"""
[[streams]]
id = "{stream}"
name = "{stream}"
path = "/{stream}"
source.pattern = {{ pattern = "ball" }}
access = {{ read = "anyone" }}
[[streams.renditions]]
size = "160x120"
frame_rate = "5"
"""
    for stream in STREAMS
)


def previews(window):
    """The streams whose previews run, once each has been described."""
    with open(window.log.name, encoding="utf-8") as log:
        states = dict(re.findall(r"DEBUG stream (s\d+): (\w+)", log.read()))
    if len(states) < len(STREAMS) or "Starting" in states.values():
        return None
    return {stream for stream, state in states.items() if state == "Live"}


def run_exactly(window, what, expected):
    """Waits until these previews run, and no others: a set, or a rule for one."""
    rule = expected if callable(expected) else lambda running: running == expected
    last = None

    def found():
        nonlocal last
        last = previews(window)
        return last is not None and rule(last)

    try:
        wait_for(what, found)
    except AssertionError as error:
        raise AssertionError(f"{error}; previews of {sorted(last or ())} run") from None


def in_view(window):
    """The streams whose pictures are, at least in part, where the grid shows them."""
    place = lambda node: node.get_component_iface().get_extents(Atspi.CoordType.WINDOW)  # noqa: E731
    nodes = window.nodes()
    grid = next(place(node) for node in nodes if node.get_name() == "Streams" and node.get_role_name() != "page tab")
    found = set()
    for node in nodes:
        if re.fullmatch(r"Open s\d+", node.get_name()):
            picture = place(node)
            if picture.y < grid.y + grid.height and picture.y + picture.height > grid.y:
                found.add(node.get_name().removeprefix("Open "))
    return found


def only_what_is_scrolled_to_has_previews(window):
    run_exactly(window, "the cards in view alone", lambda running: "s1" in running and running == in_view(window))
    window.focus("Turn on s1")

    def end():
        window.key(*["Tab"] * 8)
        return "s24" in (previews(window) or ())

    wait_for("the last card", end)
    run_exactly(window, "the cards in view alone", lambda running: "s1" not in running and running == in_view(window))


def a_page_that_covers_the_grid_ends_its_previews(window):
    window.press("Open s24")
    run_exactly(window, "the page's stream alone", {"s24"})
    window.key("alt+Left")
    run_exactly(window, "the grid again", lambda running: "s24" in running and len(running) > 1)


def a_minimized_window_has_no_previews(window):
    find = ["xdotool", "search", "--onlyvisible", "--name", "^Headwater$"]
    number = subprocess.run(find, check=True, capture_output=True, text=True).stdout.split()[0]
    subprocess.run(["xdotool", "windowminimize", number], check=True)
    run_exactly(window, "nothing while minimized", set())
    subprocess.run(["xdotool", "windowactivate", number], check=True)
    run_exactly(window, "previews after it", lambda running: "s24" in running)


def a_window_that_the_compositor_hides_has_no_previews():
    """On Wayland nobody tells a window that it is minimized: it is asked for no more frames."""
    with tempfile.TemporaryDirectory() as folder:
        runtime, settings = os.path.join(folder, "run"), os.path.join(folder, "glib-2.0", "settings")
        os.mkdir(runtime, 0o700)
        os.makedirs(settings)
        with open(os.path.join(settings, "keyfile"), "w", encoding="utf-8") as file:
            file.write("[org/gnome/desktop/wm/preferences]\nbutton-layout='appmenu:minimize,close'\n")
        compositor = subprocess.Popen(
            ["mutter", "--headless", "--wayland", "--no-x11", "--virtual-monitor", "1100x760"]
            + ["--wayland-display", "wayland-test"],
            env=os.environ | {"XDG_RUNTIME_DIR": runtime},
        )
        try:
            wait_for("mutter", lambda: os.path.exists(os.path.join(runtime, "wayland-test")))
            window = Window(
                CONFIG,
                HEADWATER_LOG="debug",
                GDK_BACKEND="wayland",
                WAYLAND_DISPLAY=os.path.join(runtime, "wayland-test"),
                GSETTINGS_BACKEND="keyfile",
                XDG_CONFIG_HOME=folder,
            )
            try:
                run_exactly(window, "the first cards", lambda running: "s1" in running)
                compositor.send_signal(signal.SIGSTOP)
                run_exactly(window, "nothing while no frames are asked for", set())
                compositor.send_signal(signal.SIGCONT)
                run_exactly(window, "previews after it", lambda running: "s1" in running)
                window.press("Minimize")
                run_exactly(window, "nothing while minimized", set())
                complaints = window.end()
                assert not complaints, "".join(complaints)
            finally:
                window.program.kill()
        finally:
            compositor.send_signal(signal.SIGCONT)
            compositor.terminate()
            compositor.wait()


def main():
    manager = subprocess.Popen(["mutter", "--x11", "--sm-disable"])
    try:
        managed = ["xprop", "-root", "-notype", "_NET_SUPPORTING_WM_CHECK"]
        wait_for("mutter", lambda: b"window id" in subprocess.run(managed, capture_output=True, check=True).stdout)
        window = Window(CONFIG, HEADWATER_LOG="debug")
        in_one_window = [
            only_what_is_scrolled_to_has_previews,
            a_page_that_covers_the_grid_ends_its_previews,
            a_minimized_window_has_no_previews,
        ]
        return run(window, in_one_window, [a_window_that_the_compositor_hides_has_no_previews])
    finally:
        manager.terminate()
        manager.wait()


if __name__ == "__main__":
    sys.exit(main())
