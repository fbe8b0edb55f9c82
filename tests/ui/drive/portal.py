"""The file chooser of a desktop: the real xdg-desktop-portal, and behind it somebody who chooses at once."""

import collections
import os
import subprocess
import tempfile
import threading

from gi.repository import Gio, GLib

DESKTOP = "headwater-test"
NAME = "org.freedesktop.impl.portal.desktop.headwater_test"
PATH = "/org/freedesktop/portal/desktop"
CHOOSER = """
<node>
  <interface name="org.freedesktop.impl.portal.FileChooser">
    <method name="OpenFile">
      <arg type="o" name="handle" direction="in"/>
      <arg type="s" name="app_id" direction="in"/>
      <arg type="s" name="parent_window" direction="in"/>
      <arg type="s" name="title" direction="in"/>
      <arg type="a{sv}" name="options" direction="in"/>
      <arg type="u" name="response" direction="out"/>
      <arg type="a{sv}" name="results" direction="out"/>
    </method>
  </interface>
</node>
"""
CHOSEN, CANCELLED = 0, 1


class FileChooser:
    """While it is open, a program with its environment asks here for files."""

    # GTK asks a portal only in a sandbox, or where it is told to.
    environment = {"GDK_DEBUG": "portals"}

    def __init__(self):
        self.answers = collections.deque()
        self.asked = []

    def will_choose(self, *paths):
        """The next answer; without a path it is to cancel."""
        self.answers.append(paths)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.write(f"{DESKTOP}.portal", f"[portal]\nDBusName={NAME}\nInterfaces=org.freedesktop.impl.portal.FileChooser\n")
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
        bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        interface = Gio.DBusNodeInfo.new_for_xml(CHOOSER).interfaces[0]
        bus.register_object(PATH, interface, self.answer, None, None)
        owner = Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.NONE, lambda *_: ready.set(), None)
        self.loop.run()
        Gio.bus_unown_name(owner)

    def answer(self, _bus, _sender, _path, _interface, _method, arguments, invocation):
        _handle, _app, _parent, title, options = arguments.unpack()
        self.asked.append((title, options))
        # Nobody expected a question: whoever waits for an answer sees it cancelled.
        paths = self.answers.popleft() if self.answers else ()
        uris = GLib.Variant("as", [Gio.File.new_for_path(path).get_uri() for path in paths])
        invocation.return_value(GLib.Variant("(ua{sv})", (CHOSEN if paths else CANCELLED, {"uris": uris})))
