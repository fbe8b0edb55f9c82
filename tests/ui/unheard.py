#!/usr/bin/env python3
"""The window in a session where nothing is read aloud: there is no accessibility bus, as in some desktops and sandboxes.

Needs a display, and dbus-daemon.
"""

import os
import signal
import sys
import tempfile
from contextlib import suppress

from drive.program import PROGRAM, Window, passes, wait_for

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


# An X server tells the address of the accessibility bus of whoever used it before: this one is new.
COMMAND = "env -u AT_SPI_BUS_ADDRESS dbus-run-session --config-file={} -- xvfb-run -a".split()


def a_stream_that_is_lost_does_not_end_a_program_that_nobody_listens_to():
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as bus:
        bus.write(BUS)
        bus.flush()
        window = Window(CONFIG, [word.format(bus.name) for word in COMMAND], HEADWATER_LOG="debug")

        def words():
            with open(window.log.name, encoding="utf-8") as log:
                return log.read()

        def lost():
            assert window.program.poll() is None, f"it ended with {window.program.returncode}:\n{words()}"
            return "garage: Reconnecting" in words() and "accessibility bus" in words()

        try:
            wait_for("a lost stream", lost)
            # The main loop still turns, and ends as it should.
            pid = next(pid for pid in window.pids() if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(PROGRAM))
            os.kill(pid, signal.SIGTERM)
            assert window.program.wait(20) == 0, window.program.returncode
        finally:
            for pid in window.pids():
                # They end one with the other.
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def main():
    passed = passes(a_stream_that_is_lost_does_not_end_a_program_that_nobody_listens_to)
    print(f"test result: {'ok' if passed else 'FAILED'}. {int(passed)} passed; {int(not passed)} failed")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
