"""The window used by keys alone, following the focus as it is told over AT-SPI."""

from drive.focus import Focus
from drive.program import GLib

# More stops than any page has.
MANY = 150


class Keys:
    """Types, and follows what the focus goes to."""

    def __init__(self, window):
        self.window = window
        self.focus = Focus()

    def type(self, *keys):
        """What has the focus afterwards, if it moved."""
        return self.focus.after(lambda: self.window.key(*keys), 1)

    def go_to(self, name, key="Tab"):
        for _ in range(MANY):
            node = self.type(key)
            if node is not None and node.get_name() == name:
                return
        raise AssertionError(f"{key} does not lead to {name}")

    def enter(self, name, key="Tab"):
        self.go_to(name, key)
        return self.type("Return")

    def back(self, key="Tab"):
        """To the page before. While that one still slides in, the focus moves by itself."""
        self.enter("Back", key)
        self.window.gone("Back")

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
        self.focus.end()


def within_dialog(node):
    while node is not None:
        if node.get_role_name() in ("dialog", "alert"):
            return True
        node = node.get_parent()
    return False
