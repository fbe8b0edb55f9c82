"""The window used by keys alone, following the focus as it is told over AT-SPI."""

import time

from drive.program import Atspi, GLib

# More stops than any page has.
MANY = 150


class Keys:
    """Types, and follows what the focus goes to."""

    def __init__(self, window):
        self.window = window
        self.met = []
        self.listener = Atspi.EventListener.new(self.focus_came)
        self.listener.register("object:state-changed:focused")

    def focus_came(self, event):
        if event.detail1:
            self.met.append(event.source)

    def type(self, *keys):
        """What has the focus afterwards, if it moved."""
        self.met.clear()
        self.window.key(*keys)
        end = time.monotonic() + 1
        context = GLib.MainContext.default()
        # What it moved over on its way is told first.
        while time.monotonic() < end:
            if not context.iteration(False):
                if self.met:
                    break
                time.sleep(0.005)
        return self.met[-1] if self.met else None

    def go_to(self, name, key="Tab"):
        for _ in range(MANY):
            node = self.type(key)
            if node is not None and node.get_name() == name:
                return
        raise AssertionError(f"{key} does not lead to {name}")

    def enter(self, name, key="Tab"):
        self.go_to(name, key)
        return self.type("Return")

    def leave(self):
        """Escape, until the focus is outside of every dialog."""
        for _ in range(MANY):
            node = self.type("Escape")
            try:
                if node is not None and not within_dialog(node):
                    return
            except GLib.Error:
                pass  # What had the focus went away with the dialog.
        raise AssertionError("Escape does not leave the dialog")

    def end(self):
        self.listener.deregister("object:state-changed:focused")


def within_dialog(node):
    while node is not None:
        if node.get_role_name() in ("dialog", "alert"):
            return True
        node = node.get_parent()
    return False
