"""A real reader of a stream: what somebody who watches gets."""

import subprocess
from urllib.parse import quote

# Seconds: a busy machine is no failure.
DEADLINE = 30


def login(url, user, password):
    """The address with which a user comes in."""
    return url.replace("//", f"//{quote(user, '')}:{quote(password, '')}@")


def probe(url):
    """Width and height that a reader gets."""
    command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=width,height", "-of", "csv=p=0"]
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


class Viewer:
    """Somebody who watches all the while."""

    def __init__(self, url):
        command = ["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-f", "null", "-"]
        self.program = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.kill()
        self.program.wait()

    def watches(self):
        return self.program.poll() is None
