"""PipeWire with what connects its programs, and cameras and screens that are only drawn."""

import json
import os
import subprocess
import tempfile

from .program import TOP, wait_for


class PipeWire:
    """While it is open, whoever has the runtime folder of the tests finds it there."""

    def __init__(self, bus=True, sound=False):
        """Only with the session bus it gives cameras to the camera portal; without it is there sooner."""
        self.bus, self.sound = bus, sound

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.environment = os.environ | {
            f"XDG_{name}_HOME": self.folder.name for name in ("CONFIG", "STATE", "CACHE", "DATA")
        }
        if not self.bus:
            # Empty, it would be looked for elsewhere.
            self.environment["DBUS_SESSION_BUS_ADDRESS"] = "disabled:"
        self.plugged = {}
        self.processes = [self.run("pipewire")]
        # Whoever connects the programs ends where there is nobody to connect them by.
        socket = os.path.join(self.environment["XDG_RUNTIME_DIR"], "pipewire-0")
        wait_for("PipeWire", lambda: os.path.exists(socket))
        self.processes.append(self.run("wireplumber"))
        if self.sound:
            self.start_sound_server()
        return self

    def start_sound_server(self):
        config = os.path.join(TOP, "tests", "data", "sound-server.conf")
        self.processes.append(self.run("pipewire", "-c", config))
        socket = os.path.join(self.environment["XDG_RUNTIME_DIR"], "pulse", "native")
        wait_for("the sound server", lambda: os.path.exists(socket))

    def __exit__(self, *_):
        for process in [*sum(self.plugged.values(), []), *self.processes]:
            process.kill()
            process.wait()
        self.folder.cleanup()

    def run(self, *command):
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def plug(self, name, pattern="smpte", role="Camera"):
        """Plugs in a camera, or another source of this role. Says what PipeWire calls it."""
        properties = f'props,media.class=Video/Source,media.role={role},node.name="{name}",node.description="{name}"'
        drawn = ["videotestsrc", "is-live=true", f"pattern={pattern}", "!", "video/x-raw,format=BGRx,width=640,height=480"]
        sink = ["pipewiresink", "mode=provide", f"stream-properties={properties}"]
        process = self.run("gst-launch-1.0", *drawn, "!", *sink)
        self.plugged[name] = [process]
        node = wait_for(f"{name} in PipeWire", lambda: self.node(name))
        # One that is only drawn ends with its last reader: this one stays.
        reader = ["pipewiresrc", f"target-object={name}", "stream-properties=props,media.type=Video", "!", "fakesink"]
        self.plugged[name].append(self.run("gst-launch-1.0", *reader))
        read = lambda thing: thing.get("info", {}).get("output-node-id") == node  # noqa: E731
        wait_for(f"a reader of {name}", lambda: any(map(read, self.things())))
        return node

    def plug_microphone(self, name):
        """Plugs in a microphone that hears a tone."""
        # A tone of its own goes in where others have their sound from the air; the rank is that of microphones of ALSA.
        ear = f"ear of {name}"
        capture = f'--capture-props=media.class=Audio/Sink node.name="{ear}"'
        source = f'media.class=Audio/Source priority.session=2000 node.name="{name}" node.description="{name}"'
        self.plugged[name] = [self.run("pw-loopback", capture, f"--playback-props={source}")]
        wait_for(f"{name} in PipeWire", lambda: self.node(name) and self.node(ear))
        tone = ["gst-launch-1.0", "audiotestsrc", "is-live=true", "!", "audioconvert", "!"]
        self.plugged[name].append(self.run(*tone, "pulsesink", f"device={ear}"))

    def unplug(self, name):
        for process in self.plugged.pop(name, ()):
            process.kill()
            process.wait()

    def things(self):
        dump = subprocess.run(["pw-dump"], env=self.environment, capture_output=True, text=True)
        return json.loads(dump.stdout or "[]")

    def node(self, name):
        for thing in self.things():
            if thing.get("info", {}).get("props", {}).get("node.name") == name:
                return thing["id"]
        return None
