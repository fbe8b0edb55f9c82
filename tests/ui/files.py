#!/usr/bin/env python3
"""Files, pictures and folders as a source, and the clock of a pattern, through the window.

Needs what window.py needs, ffmpeg, and xdg-desktop-portal.
"""

import os
import shutil
import subprocess
import sys
import tempfile

from drive.other_program import OtherProgram
from drive.portal import FileChooser
from drive.program import TOP, Window, run, wait_for
from drive.reader import Viewer, brightest, probe

VIDEO = os.path.join(TOP, "tests", "data", "bigbuckbunny.mp4")
LOST = "/run/user/1000/doc/1a2b3c4d/Night Drive.mp4"
CONFIG = f"""
version = 1
[server]
port = 0
[[streams]]
id = "lost"
name = "Lost"
path = "/lost"
source.file = {{ locations = ["{LOST}"] }}
access = {{ read = "anyone" }}
[[streams]]
id = "black"
name = "Black"
path = "/black"
source.pattern = {{ pattern = "black" }}
access = {{ read = "anyone" }}
[[streams.renditions]]
size = "640x360"
frame_rate = "10"
"""

chooser = FileChooser()
videos = tempfile.TemporaryDirectory()
photos = os.path.join(videos.name, "2026.05 Lake")
empty = os.path.join(videos.name, "Empty")
film = os.path.join(videos.name, "Meadow.mp4")


def stream(window, name):
    return next(stream for stream in window.saved()["streams"] if stream["name"] == name)


def files(window, name):
    return stream(window, name)["source"]["file"]


def reads(url, size):
    wait_for(f"{size} in a reader", lambda: probe(url) == size)


def make_files():
    os.mkdir(photos)
    os.mkdir(empty)
    for name, color, size in (("9.png", "red", "320x180"), ("10.jpg", "blue", "240x320")):
        make = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"color={color}:size={size}", "-frames:v", "1"]
        subprocess.run([*make, os.path.join(photos, name)], check=True)
    shutil.copy(VIDEO, film)


def a_permission_that_was_lost_is_said_with_the_way_back(window):
    window.says("Lost", "“Night Drive.mp4” may not be read any more, or was moved.")
    window.says("Lost", "Choose it again.")
    chooser.will_choose(film)
    window.press("Choose another file for Lost")
    window.says("Lost", "Live")
    assert files(window, "Lost") == {"locations": [film]}
    wait_for("a picture", lambda: probe(window.address("/lost")))


def a_folder_is_added_and_said_to_be_empty_until_there_is_something(window):
    window.press("Add Stream")
    window.press("Video File")
    chooser.will_choose(empty)
    [(title, options)] = chooser.questions(lambda: window.press("Choose Folders"))
    assert title == "Choose Folders" and options["directory"] and options["multiple"], chooser.asked
    window.find("Empty")
    window.press("Add")
    window.says("Empty", "“Empty” has no video and no picture.")
    window.says("Empty", "Put some into it, or choose another folder.")
    chooser.will_choose(photos)
    window.press("Choose another file for Empty")
    window.says("Empty", "Live")
    assert files(window, "Empty") == {"locations": [photos]}
    reads(window.address("/empty"), "320,180")


def how_pictures_are_shown_is_set_on_the_page(window):
    window.press("Open Empty")
    window.press("Shuffle")
    wait_for("shuffle", lambda: files(window, "Empty").get("shuffle") is True)
    window.go_to("Each Picture (seconds)", "spin button")
    window.key(*["Down"] * 3)
    wait_for("the time", lambda: files(window, "Empty").get("picture_seconds") == 2)
    chooser.will_choose(film)
    window.enter("Add Files…")
    wait_for("the film", lambda: files(window, "Empty")["locations"] == [photos, film])
    chooser.will_choose(empty)
    window.enter("Add Folder…")
    wait_for("the folder", lambda: files(window, "Empty")["locations"] == [photos, film, empty])
    # A folder makes place for folders.
    chooser.will_choose()
    [(title, options)] = chooser.questions(lambda: window.press("Replace 2026.05 Lake"))
    assert options.get("directory"), (title, options)
    window.press("Remove Empty")
    window.press("Remove 2026.05 Lake")
    wait_for("the film alone", lambda: files(window, "Empty")["locations"] == [film])
    window.gone("Shuffle")
    window.gone("Each Picture (seconds)")
    window.press("Back")
    window.gone("Back")


def files_that_are_dropped_are_served_with_their_sound(window):
    with OtherProgram("files", film) as other:
        other.drop_on("Headwater")
        window.find("Meadow.mp4")
    window.gone("Shuffle")
    window.press("Add")
    window.says("Meadow", "Live")
    assert stream(window, "Meadow")["sound"]["codec"] == "auto"
    wait_for("its sound", lambda: probe(window.address("/meadow"), "a") == "aac")


def a_folder_that_is_dropped_is_shuffled_and_named_by_its_whole_name(window):
    with OtherProgram("files", photos) as other:
        other.drop_on("Headwater")
        window.find("2026.05 Lake")
    window.press("Shuffle")
    window.press("Add")
    window.says("2026.05 Lake", "Live")
    assert files(window, "2026.05 Lake") == {"locations": [photos], "shuffle": True}
    address = window.address("/2026-05-lake")
    wait_for("a picture", lambda: probe(address))
    assert probe(address, "a") == "", "there is nothing to hear in pictures"


def the_clock_of_a_pattern_is_turned_on(window):
    window.press("Open Black")
    with Viewer(window.address()):
        window.gone("Nobody watches.")
        assert brightest(window.address()) < 32, "the pattern is black"
        window.press("Milliseconds and Frame Number")
        window.find("1 viewer will have to connect again.")
        window.press("Apply")
    wait_for("the clock", lambda: stream(window, "Black")["source"]["pattern"].get("clock") is True)
    wait_for("white numbers", lambda: brightest(window.address()) > 200)
    # Another sound keeps it. The list of patterns has a search, whose keys are others.
    window.choose_in("Test Sound", 1, "A Tone")
    kept = {"pattern": "black", "sound": "sine", "clock": True}
    wait_for("the sound", lambda: stream(window, "Black")["source"]["pattern"] == kept)


def main():
    make_files()
    tests = [
        a_permission_that_was_lost_is_said_with_the_way_back,
        a_folder_is_added_and_said_to_be_empty_until_there_is_something,
        how_pictures_are_shown_is_set_on_the_page,
        files_that_are_dropped_are_served_with_their_sound,
        a_folder_that_is_dropped_is_shuffled_and_named_by_its_whole_name,
        the_clock_of_a_pattern_is_turned_on,
    ]
    with chooser, videos:
        return run(Window(CONFIG, **chooser.environment), tests, is_story=True)


if __name__ == "__main__":
    sys.exit(main())
