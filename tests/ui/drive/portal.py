"""What a desktop asks the user: the real xdg-desktop-portal, and behind it somebody who answers at once."""

import collections
import os
import subprocess
import tempfile
import threading

from gi.repository import Gio, GLib

from .program import wait_for

DESKTOP = "headwater-test"
NAME = "org.freedesktop.impl.portal.desktop.headwater_test"
PATH = "/org/freedesktop/portal/desktop"
CHOSEN, CANCELLED = 0, 1


def method(name, inputs, outputs=("u", "a{sv}")):
    arguments = [f'<arg type="{kind}" direction="in"/>' for kind in inputs]
    arguments += [f'<arg type="{kind}" direction="out"/>' for kind in outputs]
    return f'<method name="{name}">{"".join(arguments)}</method>'


class Portal:
    """While it is open, a program with its environment asks here."""

    interface = None
    methods = ""
    environment = {}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.write(f"{DESKTOP}.portal", f"[portal]\nDBusName={NAME}\nInterfaces={self.interface}\n")
        self.write(f"{DESKTOP}-portals.conf", f"[preferred]\ndefault={DESKTOP}\n")
        self.loop = GLib.MainLoop(GLib.MainContext())
        ready = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=[ready])
        self.thread.start()
        assert ready.wait(10), f"{NAME} is not to be had"
        environment = os.environ | {"XDG_DESKTOP_PORTAL_DIR": self.folder.name, "XDG_CURRENT_DESKTOP": DESKTOP}
        self.portal = subprocess.Popen(["/usr/libexec/xdg-desktop-portal"], env=environment, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.portal.kill()
        self.portal.wait()
        self.loop.quit()
        self.thread.join()
        self.folder.cleanup()

    def write(self, name, text):
        with open(os.path.join(self.folder.name, name), "w", encoding="utf-8") as file:
            file.write(text)

    def serve(self, ready):
        self.loop.get_context().push_thread_default()
        self.bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        registered = self.register(PATH, self.interface, self.methods, self.called, self.get)
        owner = Gio.bus_own_name_on_connection(self.bus, NAME, Gio.BusNameOwnerFlags.NONE, lambda *_: ready.set(), None)
        self.loop.run()
        Gio.bus_unown_name(owner)
        # The next one comes by the same connection.
        self.bus.unregister_object(registered)

    def register(self, path, interface, methods, called, get=None):
        node = Gio.DBusNodeInfo.new_for_xml(f'<node><interface name="{interface}">{methods}</interface></node>')
        return self.bus.register_object(path, node.interfaces[0], called, get, None)

    def called(self, _bus, _sender, _path, _interface, name, arguments, invocation):
        invocation.return_value(GLib.Variant("(ua{sv})", self.answer(name, *arguments.unpack())))

    def get(self, _bus, _sender, _path, _interface, name):
        return None

    def answer(self, name, *arguments):
        """To one of the methods: whether it is granted, and what."""
        raise NotImplementedError


class FileChooser(Portal):
    """Chooses files."""

    interface = "org.freedesktop.impl.portal.FileChooser"
    methods = method("OpenFile", ("o", "s", "s", "s", "a{sv}"))
    # GTK asks a portal only in a sandbox, or where it is told to.
    environment = {"GDK_DEBUG": "portals"}

    def __init__(self):
        self.answers = collections.deque()
        self.asked = []

    def will_choose(self, *paths):
        """The next answer; without a path it is to cancel."""
        self.answers.append(paths)

    def questions(self, ask, number=1):
        """Those that come when this is done, each with its title and its options."""
        before = len(self.asked)
        ask()
        wait_for("the question", lambda: len(self.asked) >= before + number)
        return self.asked[before:]

    def answer(self, _name, _handle, _app, _parent, title, options):
        self.asked.append((title, options))
        # Nobody expected a question: whoever waits for an answer sees it cancelled.
        paths = self.answers.popleft() if self.answers else ()
        uris = GLib.Variant("as", [Gio.File.new_for_path(path).get_uri() for path in paths])
        return CHOSEN if paths else CANCELLED, {"uris": uris}


class Access(Portal):
    """Says whether cameras may be used. The real portal remembers it."""

    interface = "org.freedesktop.impl.portal.Access"
    methods = method("AccessDialog", ("o", "s", "s", "s", "s", "s", "a{sv}"))

    def __init__(self, allows):
        self.allows = allows
        self.asked = []

    def __enter__(self):
        # What was answered before is not known any more.
        store, known = "org.freedesktop.impl.portal.PermissionStore", GLib.Variant("(ss)", ("devices", "camera"))
        path = "/" + store.replace(".", "/")
        bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        try:
            bus.call_sync(store, path, store, "Delete", known, None, Gio.DBusCallFlags.NONE, -1, None)
        except GLib.Error:
            pass  # Nothing was.
        return super().__enter__()

    def answer(self, _name, _handle, _app, _parent, title, *_):
        self.asked.append(title)
        return CHOSEN if self.allows else CANCELLED, {}


SESSION = '<method name="Close"/><signal name="Closed"/><property name="version" type="u" access="read"/>'
MONITOR, WINDOW, HIDDEN, EMBEDDED = 1, 2, 1, 2


class ScreenCast(Portal):
    """Shares a screen that is drawn for each session, as a desktop does; or nothing."""

    interface = "org.freedesktop.impl.portal.ScreenCast"
    methods = (
        method("CreateSession", ("o", "o", "s", "a{sv}"))
        + method("SelectSources", ("o", "o", "s", "a{sv}"))
        + method("Start", ("o", "o", "s", "s", "a{sv}"))
        + "".join(
            f'<property name="{name}" type="u" access="read"/>'
            for name in ("AvailableSourceTypes", "AvailableCursorModes", "version")
        )
    )

    def __init__(self, pipewire):
        self.pipewire = pipewire
        self.allows = True
        # What the user would have seen.
        self.questions = 0
        self.sessions = {}
        self.options = {}

    def get(self, _bus, _sender, _path, _interface, name):
        values = {"AvailableSourceTypes": MONITOR | WINDOW, "AvailableCursorModes": HIDDEN | EMBEDDED, "version": 5}
        return GLib.Variant("u", values[name])

    def answer(self, name, _handle, session, *arguments):
        if name == "CreateSession":
            self.sessions[session] = self.register(
                session, "org.freedesktop.impl.portal.Session", SESSION, self.close, lambda *_: GLib.Variant("u", 1)
            )
            return CHOSEN, {}
        if name == "SelectSources":
            self.options = arguments[-1]
            return CHOSEN, {}
        if "restore_data" not in self.options:
            self.questions += 1
            if not self.allows:
                return CANCELLED, {}
        # It stands for the session in its name.
        node = self.pipewire.plug(session.rpartition("/")[2], role="Screen")
        streams = GLib.Variant("a(ua{sv})", [(node, {"source_type": GLib.Variant("u", MONITOR)})])
        restored = GLib.Variant("(suv)", ("headwater-test", 1, GLib.Variant("s", "the screen")))
        return CHOSEN, {"streams": streams, "persist_mode": GLib.Variant("u", 2), "restore_data": restored}

    def close(self, _bus, _sender, path, _interface, _method, _arguments, invocation):
        self.bus.unregister_object(self.sessions.pop(path))
        self.pipewire.unplug(path.rpartition("/")[2])
        invocation.return_value(None)

    def end(self):
        """What the user does who ends the sharing by the desktop's own means."""
        for session in list(self.sessions):
            self.pipewire.unplug(session.rpartition("/")[2])
            self.bus.emit_signal(None, session, "org.freedesktop.impl.portal.Session", "Closed", None)
