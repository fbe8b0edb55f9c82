#!/usr/bin/env python3
"""The window in a session where nothing is read aloud: there is no accessibility bus, as in some desktops and sandboxes.

Needs a display, and dbus-daemon.
"""

import os
import signal
import subprocess
import sys
import tempfile

from drive.program import PROGRAM, wait_for

CONFIG = """
version = 1
[server]
port = 0
[[streams]]
id = "garage"
name = "Garage"
path = "/garage"
source.file = { locations = ["/nowhere/garage.mp4"] }
access = { read = "anyone" }
"""
# A session bus that starts nothing.
BUS = """<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"""


def main():
    with tempfile.TemporaryDirectory() as folder:
        config, bus, log = (os.path.join(folder, name) for name in ("config.toml", "bus.conf", "log"))
        for file, text in ((config, CONFIG), (bus, BUS)):
            with open(file, "w", encoding="utf-8") as opened:
                opened.write(text)
        own = {f"XDG_{name}_HOME": os.path.join(folder, name.lower()) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
        environment = os.environ | own | {"HEADWATER_LOG": "debug", "GSK_RENDERER": "cairo"}
        for name in ("DBUS_SESSION_BUS_ADDRESS", "AT_SPI_BUS_ADDRESS"):
            environment.pop(name, None)
        # An X server tells the address of the accessibility bus of whoever used it before.
        command = ["dbus-run-session", f"--config-file={bus}", "--", "xvfb-run", "-a", PROGRAM, "--config", config]
        with open(log, "w", encoding="utf-8") as said:
            program = subprocess.Popen(command, env=environment, stderr=said, stdout=said, start_new_session=True)

        def lost():
            with open(log, encoding="utf-8") as said:
                words = said.read()
            assert program.poll() is None, f"it ended with {program.returncode}"
            return "garage: Reconnecting" in words and "accessibility bus" in words

        try:
            wait_for("a lost stream", lost)
            # The main loop still turns, and ends as it should.
            found = subprocess.run(["pgrep", "-f", f"^{PROGRAM} --config {config}"], capture_output=True, text=True)
            os.kill(int(found.stdout), signal.SIGTERM)
            assert program.wait(20) == 0, program.returncode
        except AssertionError:
            with open(log, encoding="utf-8") as said:
                print(said.read(), file=sys.stderr)
            raise
        finally:
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGKILL)
    print("test a_stream_that_is_lost_does_not_end_a_program_that_nobody_listens_to ... ok")
    print("test result: ok. 1 passed; 0 failed")


if __name__ == "__main__":
    sys.exit(main())
