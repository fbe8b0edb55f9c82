"""The program under test, used as a person with a screen reader would: by names and roles, over AT-SPI.

Needs a display and a session bus: dbus-run-session -- xvfb-run -a -s -noreset /usr/bin/python3 tests/ui/window.py
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, Gio, GLib  # noqa: E402

from drive.focus import Focus  # noqa: E402

# A busy machine is no failure. Milliseconds: of each question, and of the first ones of a program.
Atspi.set_timeout(10_000, 20_000)

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
PROGRAM = os.environ.get("HEADWATER_PROGRAM") or os.path.join(
    os.environ.get("CARGO_TARGET_DIR", os.path.join(TOP, "target")), "debug", "headwater"
)
# Seconds, after which what did not happen will not: CI is slow, and other work may run beside it.
DEADLINE = 60.0
# Seconds in which the focus moves after a key.
PATIENCE = 2.0
PRESSED = ("button", "push button", "toggle button", "check box", "switch", "page tab")


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


class Process:
    """One that somebody else has started."""

    def __init__(self, pid):
        self.pid = pid

    def send_signal(self, number):
        os.kill(self.pid, number)


class Window:
    def __init__(self, text, command=(), **environment):
        """A configuration, a command that runs the program, and what its environment has besides. Without a
        configuration it is the first start in a new home."""
        self.folder = tempfile.TemporaryDirectory()
        if text is None:
            self.config = os.path.join(self.folder.name, "headwater", "config.toml")
            os.mkdir(os.path.dirname(self.config))
            names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
            environment = {name: self.folder.name for name in names} | environment
            self.command = [*command, PROGRAM]
        else:
            self.config = os.path.join(self.folder.name, "config.toml")
            with open(self.config, "w", encoding="utf-8") as file:
                file.write(text)
            self.command = [*command, PROGRAM, "--config", self.config]
        # The keyring of whoever runs the tests is not asked.
        self.passwords = os.path.join(os.path.dirname(self.config), "secrets.toml")
        os.close(os.open(self.passwords, os.O_CREAT, 0o600))
        self.environment = os.environ | {
            "GSK_RENDERER": "cairo",
            "GDK_BACKEND": "x11",
            "GTK_A11Y": "atspi",
            "GSETTINGS_BACKEND": "memory",
            "LC_ALL": "C.UTF-8",
            "XDG_STATE_HOME": os.path.join(self.folder.name, "state"),
        } | environment
        self.heard = []
        self.listener = Atspi.EventListener.new(lambda event: self.heard.append(str(event.any_data)))
        self.listener.register("object:announcement")
        self.start()

    def set_gtk(self, settings):
        """GTK's own settings, before it is started."""
        folder = os.path.join(self.folder.name, "gtk-4.0")
        os.mkdir(folder)
        with open(os.path.join(folder, "settings.ini"), "w", encoding="utf-8") as file:
            file.write("[Settings]\n" + settings)
        self.environment["XDG_CONFIG_HOME"] = self.folder.name

    def start(self):
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        self.program = subprocess.Popen(self.command, env=self.environment, stdout=self.log, stderr=self.log)

    def pids(self):
        """The processes that have its configuration."""
        found = []
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode().split("\0")
            except OSError:
                continue  # It has ended meanwhile.
            if self.config in words:
                found.append(int(pid))
        return found

    def adopt(self):
        """Goes on with another process that has its configuration, and shows a window."""

        def found():
            for self.program in map(Process, self.pids()):
                if self.nodes():
                    return True
            return False

        wait_for("another process with a window", found)

    def application(self):
        desktop = Atspi.get_desktop(0)
        for place in range(desktop.get_child_count()):
            application = desktop.get_child_at_index(place)
            if application is not None and application.get_process_id() == self.program.pid:
                return application
        return None

    def nodes(self):
        # What is known of them is from before these events, if there are any.
        while GLib.MainContext.default().iteration(False):
            pass
        application = self.application()
        return [] if application is None else [node for node in walk(application) if shown(node)]

    def find(self, name, role=None):
        return wait_for(
            f"{role or 'something'} named {name}",
            lambda: next(
                (n for n in self.nodes() if n.get_name() == name and role in (None, n.get_role_name())), None
            ),
        )

    def is_sensitive(self, name, role="button"):
        """Whether it can be pressed."""
        return self.find(name, role).get_state_set().contains(Atspi.StateType.SENSITIVE)

    def hears(self, sentence):
        """Waits until a screen reader was told it, as of a toast, which is gone soon. Each is heard once."""

        def heard():
            while GLib.MainContext.default().iteration(False):
                pass
            place = next((place for place, text in enumerate(self.heard) if sentence in text), None)
            if place is not None:
                del self.heard[: place + 1]
            return place is not None

        wait_for(f"{sentence} to be heard", heard)

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
        """Types keys, as xdotool names them. Without a window manager the topmost window has to be given the focus."""
        search = ["xdotool", "search", "--onlyvisible", "--name", "^Headwater$"]

        def typed():
            windows = subprocess.run(search, capture_output=True, text=True).stdout.split()
            # One that closes meanwhile does not take the focus, and then nothing is typed.
            command = ["xdotool", "windowfocus", "--sync", *windows[-1:], "key", *keys]
            return windows and subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0

        wait_for(f"{keys} typed", typed)

    def leave(self, *names):
        """Escape, until all of what has these names is gone: from a page, and then from its dialog."""

        def left():
            if all(node.get_name() not in names for node in self.nodes()):
                return True
            # While a page still slides, libadwaita does not hear it.
            self.key("Escape")
            return False

        wait_for(f"{names} left", left)

    def tab_to(self, what, is_meant):
        """Goes to the first thing of which this is true, as one does without a pointer."""
        focused = lambda node: node.get_state_set().contains(Atspi.StateType.FOCUSED)  # noqa: E731
        # What was looked at can go away meanwhile: then it is looked again.
        if any(wait_for(what, lambda: [focused(node) for node in self.nodes() if is_meant(node)])):
            return
        focus, is_late = Focus(), False

        def there():
            nonlocal is_late
            node = focus.after(lambda: self.key("Tab"), PATIENCE)
            if node is None:
                # It has not heard the key yet, or this one moves nothing.
                is_late = True
            elif is_meant(node):
                # Of keys that it hears late, another one may be on its way.
                after = focus.after(lambda: None, PATIENCE) if is_late else None
                return after is None or is_meant(after)
            return False

        try:
            wait_for(f"focus on {what}", there)
        finally:
            focus.end()

    def focus(self, name):
        self.tab_to(name, lambda node: node.get_name() == name)

    def go_to(self, name, role):
        """Like focus, where several things have the same name."""
        self.tab_to(f"{role} {name}", lambda node: (node.get_name(), node.get_role_name()) == (name, role))

    def enter(self, name):
        """Presses by keys: GTK 4.18 gives a row that is a button no action."""
        self.go_to(name, "button")
        self.key("Return")

    def choose_in(self, row, place, name):
        """Chooses from a list by keys: GTK 4.18 gives the items no actions."""
        self.go_to(row, "combo box")
        self.key("space", "Home", *["Down"] * place, "Return")
        combo = self.find(row, "combo box")
        wait_for(f"{row}: {name}", lambda: any(n.get_name() == name for n in walk(combo) if shown(n)))

    def apply(self, row, text):
        """Types into a row, key by key, then Enter."""
        self.go_to(row, "text")
        names = {" ": "space", "/": "slash", "×": "multiply"}
        self.key("ctrl+a", *[names.get(letter, letter) for letter in text], "Return")

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

    def address(self, path=""):
        """Of the stream that has this path, or of any, as the grid or the page says it."""
        is_meant = lambda name: name.startswith("rtsp://") and name.endswith(path)  # noqa: E731
        names = lambda: (node.get_name() for node in self.nodes())  # noqa: E731
        return wait_for(f"the address of {path or 'a stream'}", lambda: next(filter(is_meant, names()), None))

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
    except (AssertionError, subprocess.SubprocessError, GLib.Error) as error:
        line = traceback.extract_tb(error.__traceback__)[1]
        print(f"test {test.__name__} ... FAILED\n    line {line.lineno}: {line.line}\n    {error}", flush=True)
        return False


def run(window, in_one_window, in_their_own=(), is_story=False):
    """Runs tests, those of one window in their order; in a story each needs those before it. Words on the command
    line choose some of them."""
    wanted = lambda test: all(word in test.__name__ for word in sys.argv[1:])  # noqa: E731
    results = []
    for test in filter(wanted, in_one_window):
        if is_story and False in results:
            print(f"test {test.__name__} ... FAILED\n    not reached")
            results.append(False)
        else:
            results.append(passes(test, window))
    if False in results:
        print("shown at the end:", ", ".join(n.get_name() for n in window.nodes() if n.get_name()))
    results.append(passes(the_end_is_clean, window))
    results += [passes(test) for test in filter(wanted, in_their_own)]
    word = "ok" if all(results) else "FAILED"
    print(f"test result: {word}. {results.count(True)} passed; {results.count(False)} failed")
    return 0 if all(results) else 1
