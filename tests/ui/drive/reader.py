"""A real reader of a stream: what somebody who watches gets."""

import subprocess
from urllib.parse import quote

# Seconds: a busy machine is no failure.
DEADLINE = 30


def login(url, user, password):
    """The address with which a user comes in."""
    return url.replace("//", f"//{quote(user, '')}:{quote(password, '')}@")


def probe(url, track="v"):
    """Width and height that a reader gets, or of the track "a" the codec."""
    entries = "stream=width,height" if track == "v" else "stream=codec_name"
    command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-select_streams", track]
    command += ["-show_entries", entries, "-of", "csv=p=0"]
    try:
        return subprocess.run([*command, url], capture_output=True, text=True, timeout=DEADLINE).stdout.strip()
    except subprocess.TimeoutExpired:
        return ""


def brightest(url):
    """The brightest point of a decoded picture: black is 16."""
    command = ["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", url]
    command += ["-frames:v", "1", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"]
    picture = subprocess.run(command, capture_output=True, timeout=DEADLINE).stdout
    # The upper two thirds of the bytes are brightness.
    return max(picture[: len(picture) * 2 // 3], default=0)


def loudest(url):
    """The loudest sample that a reader gets of half a second of sound: 32767 is the loudest there is."""
    command = ["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-vn", "-ss", "0.5", "-t", "0.5"]
    command += ["-f", "s16le", "-"]
    sound = subprocess.run(command, capture_output=True, timeout=DEADLINE).stdout
    return max(map(abs, memoryview(sound).cast("h")), default=0)


class Viewer:
    """Somebody who watches all the while."""

    def __init__(self, url, transport="tcp"):
        command = ["ffmpeg", "-v", "error", "-rtsp_transport", transport, "-i", url, "-c", "copy", "-f", "null", "-"]
        self.program = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.program.kill()
        self.program.wait()

    def watches(self):
        return self.program.poll() is None
