#!/usr/bin/env python3
"""What build-aux/install.sh installs, and that the session bus can start it.

Needs a display and the built program: xvfb-run -a -s -noreset /usr/bin/python3 tests/install.py
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
PROGRAM = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(TOP, "target")), "debug", "headwater")
ID = "io.github.headwater_app.Headwater"
PATIENCE = 30.0

FILES = {
    "bin/headwater",
    f"share/applications/{ID}.desktop",
    f"share/dbus-1/services/{ID}.service",
    f"share/doc/{ID}/README.md",
    f"share/icons/hicolor/scalable/apps/{ID}.svg",
    f"share/icons/hicolor/symbolic/apps/{ID}-symbolic.svg",
    f"share/licenses/{ID}/LICENSE",
    f"share/metainfo/{ID}.metainfo.xml",
}


def run(*command, code=0, **options):
    """What a command said; it has to end with this code."""
    result = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, **options
    )
    assert result.returncode == code, f"{' '.join(command)} ended with {result.returncode}: {result.stdout}"
    return result.stdout


def install(*words, top=TOP, code=0, **variables):
    return run(
        os.path.join(top, "build-aux", "install.sh"), *words, env=os.environ | {"BINARY": PROGRAM} | variables, code=code
    )


def files(folder):
    return {
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(folder)
        for name in names
    }


def every_file_is_there_and_named_by_the_id(folder):
    install(DESTDIR=folder, PREFIX="/usr")
    assert files(folder) == {f"usr/{file}" for file in FILES}, files(folder)


def a_prefix_that_is_no_whole_path_is_refused(folder):
    assert "whole path" in install(PREFIX="somewhere", DESTDIR=folder, code=1)
    assert not files(folder)


def removing_leaves_nothing(folder):
    install(DESTDIR=folder, PREFIX="/usr")
    install("--uninstall", DESTDIR=folder, PREFIX="/usr")
    assert not files(folder), files(folder)


def validators_have_nothing_to_say(folder):
    install(DESTDIR=folder, PREFIX="/usr")
    said = run("desktop-file-validate", os.path.join(folder, f"usr/share/applications/{ID}.desktop"))
    assert not said, said
    # No address of the project is named before there is one.
    run("appstreamcli", "validate", "--no-net", "--override=url-homepage-missing=info",
        os.path.join(folder, f"usr/share/metainfo/{ID}.metainfo.xml"))


def the_service_starts_the_program_where_it_was_installed(folder):
    install(DESTDIR=folder, PREFIX="/opt/headwater")
    with open(os.path.join(folder, f"opt/headwater/share/dbus-1/services/{ID}.service"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert f"Name={ID}" in lines and "Exec=/opt/headwater/bin/headwater --gapplication-service" in lines, lines


def a_translation_comes_with_its_catalogue_and_in_the_desktops_files(folder):
    # A tree of its own, with a language of its own.
    top = os.path.join(folder, "top")
    for part in ("build-aux", "data", "po"):
        shutil.copytree(os.path.join(TOP, part), os.path.join(top, part))
    for part in ("LICENSE", "README.md"):
        shutil.copy(os.path.join(TOP, part), top)
    po = os.path.join(top, "po")
    with open(os.path.join(po, "LINGUAS"), "w", encoding="utf-8") as linguas:
        linguas.write("# One a line.\neo\n")
    run("msginit", "--no-translator", "--locale=eo", f"--input={po}/headwater.pot", f"--output={po}/made.po")
    run("msgen", f"--output-file={po}/made.po", f"{po}/made.po")
    run("msgfilter", "--keep-header", f"--input={po}/made.po", f"--output={po}/eo.po", "sed", "s/Turn/Nrut/")

    install(top=top, DESTDIR=folder, PREFIX="/usr")
    assert os.path.getsize(os.path.join(folder, "usr/share/locale/eo/LC_MESSAGES/headwater.mo")) > 0
    for file, words in (
        (f"applications/{ID}.desktop", "Comment[eo]=Nrut anything"),
        (f"metainfo/{ID}.metainfo.xml", '<summary xml:lang="eo">Nrut anything'),
    ):
        with open(os.path.join(folder, "usr/share", file), encoding="utf-8") as written:
            assert words in written.read(), file


class Bus:
    """A session bus that knows what is installed under a prefix, in a home of its own."""

    def __init__(self, folder, prefix, display=True):
        runtime = os.path.join(folder, "runtime")
        os.makedirs(runtime, mode=0o700, exist_ok=True)
        # Away from the port that a Headwater of this computer may have.
        os.makedirs(os.path.join(folder, "config", "headwater"), exist_ok=True)
        with open(os.path.join(folder, "config", "headwater", "config.toml"), "w", encoding="utf-8") as file:
            file.write("version = 1\n[server]\nport = 0\n")
        self.environment = os.environ | {
            "XDG_DATA_DIRS": f"{prefix}/share:/usr/share",
            "XDG_DATA_HOME": os.path.join(folder, "data"),
            "XDG_CONFIG_HOME": os.path.join(folder, "config"),
            "XDG_STATE_HOME": os.path.join(folder, "state"),
            "XDG_RUNTIME_DIR": runtime,
            "GSK_RENDERER": "cairo",
            "GDK_BACKEND": "x11",
            "GTK_A11Y": "none",
            "GSETTINGS_BACKEND": "memory",
        }
        if not display:
            self.environment.pop("DISPLAY", None)
        self.daemon = subprocess.Popen(
            ["dbus-daemon", "--session", "--print-address", "--nofork", "--nopidfile"],
            env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self.daemon.stdout.readline().strip()

    def ask(self, method, *arguments, code=0):
        return run(
            "gdbus", "call", "--session", "--dest", ID, "--object-path", "/" + ID.replace(".", "/"),
            "--method", f"org.freedesktop.Application.{method}", *arguments, env=self.environment, code=code,
        )

    def owned(self):
        return "true" in run(
            "gdbus", "call", "--session", "--dest", "org.freedesktop.DBus", "--object-path", "/org/freedesktop/DBus",
            "--method", "org.freedesktop.DBus.NameHasOwner", ID, env=self.environment,
        )

    def windows(self):
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", "^Headwater$"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.environment, timeout=PATIENCE,
        )
        return found.stdout.split()

    def end(self):
        self.daemon.terminate()
        self.daemon.wait()
        self.daemon.stdout.close()


def wait_for(what, look):
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE:.0f} s"
        time.sleep(0.1)


def the_bus_starts_one_program_and_raises_it(folder):
    prefix = os.path.join(folder, "usr")
    install(PREFIX=prefix)
    bus = Bus(folder, prefix)
    try:
        assert not bus.owned()
        bus.ask("Activate", "{}")
        wait_for("the window", lambda: len(bus.windows()) == 1)
        bus.ask("Activate", "{}")
        # A second one, started by hand, hands over to the first and ends.
        run(os.path.join(prefix, "bin", "headwater"), env=bus.environment)
        assert len(bus.windows()) == 1, bus.windows()
        bus.ask("ActivateAction", "quit", "[]", "{}")
        wait_for("the end", lambda: not bus.owned())
    finally:
        bus.end()


def what_needs_no_window_shows_none(folder):
    prefix = os.path.join(folder, "usr")
    install(PREFIX=prefix)
    bus = Bus(folder, prefix)
    try:
        bus.ask("ActivateAction", "try-again", "[]", "{}")
        # It ends by itself, ten seconds after the last one asked.
        wait_for("the end of a service that has nothing to do", lambda: bus.windows() or not bus.owned())
        assert not bus.windows()
    finally:
        bus.end()


def without_a_display_the_bus_is_told_at_once(folder):
    prefix = os.path.join(folder, "usr")
    install(PREFIX=prefix)
    bus = Bus(folder, prefix, display=False)
    try:
        start = time.monotonic()
        said = bus.ask("Activate", "{}", code=1)
        # The bus itself gives up after 25 seconds.
        assert time.monotonic() - start < 20, f"after {time.monotonic() - start:.0f} s: {said}"
        assert "exited with status 1" in said, said
    finally:
        bus.end()


def main():
    tests = [
        every_file_is_there_and_named_by_the_id,
        a_prefix_that_is_no_whole_path_is_refused,
        removing_leaves_nothing,
        validators_have_nothing_to_say,
        the_service_starts_the_program_where_it_was_installed,
        a_translation_comes_with_its_catalogue_and_in_the_desktops_files,
        the_bus_starts_one_program_and_raises_it,
        what_needs_no_window_shows_none,
        without_a_display_the_bus_is_told_at_once,
    ]
    failed = 0
    for test in tests:
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(folder)
                print(f"test {test.__name__} ... ok", flush=True)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"test {test.__name__} ... FAILED\n    {error}", flush=True)
    word = "FAILED" if failed else "ok"
    print(f"test result: {word}. {len(tests) - failed} passed; {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
