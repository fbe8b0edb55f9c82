"""Another program of the desktop, in a process of its own: it copies, is pasted from, and is dragged from.

As a script: other_program.py files PATH… | text TEXT | paste
"""

import itertools
import select
import subprocess
import sys
import time

# Seconds: a busy machine is no failure.
DEADLINE = 60


def pointer(*command):
    return subprocess.run(["xdotool", *map(str, command)], check=True, capture_output=True, text=True).stdout.split()


def topmost(name):
    return pointer("search", "--onlyvisible", "--name", f"^{name}$")[-1]


class OtherProgram:
    """Has files or a text in the clipboard and in its window, to be dragged from there, while it is open."""

    def __init__(self, kind, *what):
        self.command = [sys.executable, __file__, kind, *what]

    def __enter__(self):
        self.program = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        assert self.program.stdout.readline() == "ready\n"
        return self

    def drop_on(self, name):
        """Drags what it has onto another window, with the pointer."""
        here, there = topmost("Other Program"), topmost(name)
        # Without a window manager both are in one corner.
        pointer("windowmove", "--sync", here, 1000, 700)
        pointer("mousemove", "--window", here, 100, 100, "mousedown", 1)
        self.move_until("dragging", here, 60)
        self.move_until("accepted", there, 300)
        pointer("mouseup", 1)

    def move_until(self, line, over, place):
        end = time.monotonic() + DEADLINE
        for step in itertools.cycle(range(20)):
            assert time.monotonic() < end, f"the drag is not {line}"
            pointer("mousemove", "--window", over, place + step, place)
            if select.select([self.program.stdout], [], [], 0.05)[0]:
                assert self.program.stdout.readline() == f"{line}\n"
                return

    def __exit__(self, *_):
        self.program.kill()
        self.program.wait()


def clipboard():
    """The text that was copied last, by whatever program."""
    command = [sys.executable, __file__, "paste"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=DEADLINE).stdout.removesuffix("\n")


def main():
    import gi

    gi.require_version("Gdk", "4.0")
    gi.require_version("Gtk", "4.0")
    from gi.repository import Gdk, Gio, GLib, GObject, Gtk

    Gtk.init()
    kind, *what = sys.argv[1:]
    loop = GLib.MainLoop()
    if kind == "paste":

        def pasted(clipboard, result):
            try:
                print(clipboard.read_text_finish(result))
            except GLib.Error:
                pass  # Nothing was copied, or no text.
            loop.quit()

        Gdk.Display.get_default().get_clipboard().read_text_async(None, pasted)
        loop.run()
        return
    value = GObject.Value(str, what[0])
    if kind == "files":
        value = GObject.Value(Gdk.FileList, Gdk.FileList.new_from_list([Gio.File.new_for_path(path) for path in what]))
    content = Gdk.ContentProvider.new_for_value(value)
    source = Gtk.DragSource(actions=Gdk.DragAction.COPY, content=content)

    def accepted(drag, _):
        if drag.get_selected_action():
            drag.disconnect_by_func(accepted)
            print("accepted", flush=True)

    def begun(_, drag):
        drag.connect("notify::selected-action", accepted)
        print("dragging", flush=True)

    source.connect("drag-begin", begun)
    window = Gtk.Window(title="Other Program", default_width=200, default_height=200, decorated=False)
    window.add_controller(source)
    window.present()
    Gdk.Display.get_default().get_clipboard().set_content(content)

    def ready():
        print("ready", flush=True)

    GLib.idle_add(ready, priority=GLib.PRIORITY_LOW)
    loop.run()


if __name__ == "__main__":
    main()
