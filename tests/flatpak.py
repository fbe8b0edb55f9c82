#!/usr/bin/env python3
"""Runs the installed Flatpak as a person would, and reads its streams from outside of the sandbox.

Needs a display; build-aux/flatpak --offline starts it: tests/flatpak.py FOLDER-FOR-PICTURES
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ID = "io.github.headwater_app.Headwater"
PATIENCE = 60.0
# What Debian has and the real runtime lacks: H.264 encoders, and the capture of X windows.
LACKING = ("openh264", "x264", "x265", "ximagesrc")

CONFIG = """
version = 1
[server]
port = {port}
[[streams]]
id = "lobby"
name = "Lobby"
path = "/lobby"
source.pattern = {{ pattern = "ball" }}
access = {{ read = "anyone" }}
[[streams.renditions]]
size = "640x360"
frame_rate = "25"
[[streams]]
id = "yard"
name = "Yard"
path = "/yard"
source.pattern = {{ pattern = "smpte" }}
access = {{ read = "anyone" }}
[[streams.renditions]]
size = "640x360"
frame_rate = "25"
codec = "mjpeg"
"""


def wait_for(what, look):
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: not within {PATIENCE:.0f} s"
        time.sleep(0.2)
    return found


class Desktop:
    """A session bus that knows what Flatpak exports, and the program's own folders."""

    def __init__(self):
        self.runtime = tempfile.mkdtemp()
        exports = os.path.join(os.environ["FLATPAK_USER_DIR"], "exports", "share")
        self.environment = os.environ | {
            "XDG_DATA_DIRS": f"{exports}:/usr/local/share:/usr/share",
            "XDG_RUNTIME_DIR": self.runtime,
        }
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.daemon = subprocess.Popen(
            ["dbus-daemon", "--session", "--print-address", "--nofork", "--nopidfile"],
            env=self.environment, text=True, stdout=subprocess.PIPE,
        )
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self.daemon.stdout.readline().strip()
        self.folder = os.path.join(os.environ["HOME"], ".var", "app", ID)
        shutil.rmtree(self.folder, ignore_errors=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        os.makedirs(os.path.join(self.folder, "config", "headwater"))
        with open(os.path.join(self.folder, "config", "headwater", "config.toml"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(port=self.port))

    def gdbus(self, *words):
        result = subprocess.run(
            ["gdbus", "call", "--session", *words],
            env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE,
        )
        assert result.returncode == 0, result.stdout
        return result.stdout

    def ask(self, method, *arguments):
        return self.gdbus(
            "--dest", ID, "--object-path", "/" + ID.replace(".", "/"),
            "--method", f"org.freedesktop.Application.{method}", *arguments,
        )

    def running(self):
        return "true" in self.gdbus(
            "--dest", "org.freedesktop.DBus", "--object-path", "/org/freedesktop/DBus",
            "--method", "org.freedesktop.DBus.NameHasOwner", ID,
        )

    def window(self):
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "^Headwater$"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE,
        )
        return found.stdout.split()

    def read(self, path):
        """What ffprobe finds: the codec and the number of pictures decoded in two seconds; empty where it is refused."""
        result = subprocess.run(
            ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-count_frames", "-read_intervals", "%+2",
             "-show_entries", "stream=codec_name,width,height,nb_read_frames", "-of", "csv=p=0",
             f"rtsp://127.0.0.1:{self.port}{path}"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
        )
        return result.stdout.strip(), result.stderr.strip()

    def shows(self, codec, path):
        said = wait_for(f"a picture of {path}", lambda: self.read(path)[0])
        name, width, height, pictures = said.split(",")
        assert (name, width, height) == (codec, "640", "360") and int(pictures) > 20, said
        print(f"    {path}: {said}", flush=True)

    def end(self):
        self.daemon.terminate()
        self.daemon.wait()
        self.daemon.stdout.close()
        shutil.rmtree(self.runtime, ignore_errors=True)


def picture(name):
    subprocess.run(["import", "-window", "root", os.path.join(sys.argv[1], f"{name}.png")], check=True, timeout=PATIENCE)


def the_desktop_starts_it_and_a_reader_outside_gets_pictures(desktop):
    desktop.ask("Activate", "{}")
    wait_for("the window", desktop.window)
    desktop.shows("h264", "/lobby")
    desktop.shows("mjpeg", "/yard")
    picture("with-every-plugin")
    desktop.ask("ActivateAction", "quit", "[]", "{}")
    wait_for("the end", lambda: not desktop.running())


def without_an_h264_encoder_the_rest_is_served_and_nothing_aborts(desktop):
    plugins = os.path.join(desktop.folder, "data", "plugins")
    os.makedirs(plugins)
    # The sandbox has the same plugins as the runtime; links to all but those that lack.
    script = (
        f"for file in /usr/lib/*/gstreamer-1.0/*.so; do ln -s $file {plugins}; done; cd {plugins}; "
        + "; ".join(f"rm -f libgst{name}.so" for name in LACKING)
    )
    subprocess.run(["flatpak", "run", "--user", "--command=sh", ID, "-c", script], env=desktop.environment, check=True)
    program = subprocess.Popen(
        ["flatpak", "run", "--user", f"--env=GST_PLUGIN_SYSTEM_PATH_1_0={plugins}", ID], env=desktop.environment
    )
    try:
        wait_for("the window", desktop.window)
        desktop.shows("mjpeg", "/yard")
        said, complaint = desktop.read("/lobby")
        assert not said and complaint, said
        print(f"    /lobby: {complaint.splitlines()[-1]}", flush=True)
        picture("without-an-h264-encoder")
        assert program.poll() is None, f"it ended with {program.returncode}"
        desktop.ask("ActivateAction", "quit", "[]", "{}")
        assert program.wait(PATIENCE) == 0, program.returncode
    finally:
        program.kill()


def main():
    tests = [
        the_desktop_starts_it_and_a_reader_outside_gets_pictures,
        without_an_h264_encoder_the_rest_is_served_and_nothing_aborts,
    ]
    failed = 0
    for test in tests:
        desktop = Desktop()
        try:
            test(desktop)
            print(f"test {test.__name__} ... ok", flush=True)
        except (AssertionError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"test {test.__name__} ... FAILED\n    {error}", flush=True)
            picture(f"failed-{test.__name__}")
        finally:
            desktop.end()
    word = "FAILED" if failed else "ok"
    print(f"test result: {word}. {len(tests) - failed} passed; {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
