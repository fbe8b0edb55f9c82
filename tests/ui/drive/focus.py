"""Where the focus goes, as it is told over AT-SPI: whoever asks for it between two keys could be early."""

import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402


class Focus:
    """Follows the focus until its end."""

    def __init__(self):
        self.met = []
        self.listener = Atspi.EventListener.new(self.came)
        self.listener.register("object:state-changed:focused")

    def came(self, event):
        if event.detail1:
            self.met.append(event.source)

    def after(self, act, patience):
        """What has the focus after this was done, if it moved within so many seconds."""
        self.met.clear()
        act()
        end = time.monotonic() + patience
        context = GLib.MainContext.default()
        # What it moved over on its way is told first.
        while time.monotonic() < end:
            if not context.iteration(False):
                if self.met:
                    break
                time.sleep(0.005)
        return self.met[-1] if self.met else None

    def end(self):
        self.listener.deregister("object:state-changed:focused")
