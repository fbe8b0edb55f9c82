#!/usr/bin/env python3
"""A day with the window, from no stream at all to the next start, looked at with a real reader after each step.

Needs what window.py needs, ffmpeg, and xdg-desktop-portal.
"""

import os
import socket
import subprocess
import sys
import tempfile

from drive.portal import FileChooser
from drive.program import Window, run, wait_for
from drive.reader import brightest, login, probe

CONFIG = "version = 1\n[server]\nport = 0\n"
BLACK = 32
WHITE = 200
# Root can open everything, unless it gives that up.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

chooser = FileChooser()
videos = tempfile.TemporaryDirectory()
passwords = {"guest": "correct horse", "ann": "battery staple"}


def stream(window, name):
    return next(stream for stream in window.saved()["streams"] if stream["name"] == name)


def address_for(window, path, user):
    return login(window.address(path), user, passwords[user])


def reads(url, size):
    wait_for(f"{size} in a reader", lambda: probe(url) == size)


def refused(url):
    wait_for("a refusal", lambda: probe(url) == "")


def a_pattern_is_added(window):
    window.find("No Streams")
    window.press("Add Stream")
    window.press("Test Pattern")
    window.press("Add")
    window.says("Color Bars", "Live")
    reads(window.address("/color-bars"), "1280,720")


def a_file_is_added_through_the_file_chooser(window):
    film = os.path.join(videos.name, "night drive.mp4")
    make = "ffmpeg -v error -f lavfi -i color=black:size=640x360:rate=10:duration=4 -pix_fmt yuv420p".split()
    subprocess.run([*make, film], check=True)
    window.press("Add Stream")
    window.press("Video File")
    window.find("None chosen")
    assert not window.is_sensitive("Add"), "there is nothing to add"
    chooser.will_choose()
    [(title, options)] = chooser.questions(lambda: window.press("Choose…"))
    assert title == "Choose Videos or Pictures" and options["multiple"], chooser.asked
    assert options["current_filter"] == ("Videos and Pictures", [(1, "video/*"), (1, "image/*")]), options
    window.find("None chosen")
    assert not window.is_sensitive("Add"), "nothing was chosen"

    chooser.will_choose(film)
    window.press("Choose…")
    window.find("night drive.mp4")
    window.press("Add")
    window.says("night drive", "Live")
    assert stream(window, "night drive")["source"]["file"]["locations"] == [film]
    reads(window.address("/night-drive"), "640,360")


def a_card_offers_the_way_out_of_a_missing_file(window):
    film, moved = (os.path.join(videos.name, name) for name in ("night drive.mp4", "moved.mp4"))
    choose = "Choose another file for night drive"
    assert all(node.get_name() != choose for node in window.nodes()), "nothing is wrong"
    window.press("Turn on night drive")
    window.says("night drive", "Off")
    os.rename(film, moved)
    window.press("Turn on night drive")
    window.says("night drive", "“night drive.mp4” does not exist.")
    chooser.will_choose(moved)
    window.press(choose)
    window.says("night drive", "Live")
    window.gone(choose)
    assert stream(window, "night drive")["source"]["file"]["locations"] == [moved]
    reads(window.address("/night-drive"), "640,360")
    os.rename(moved, film)
    window.key("ctrl+z")
    wait_for("its place of before", lambda: stream(window, "night drive")["source"]["file"]["locations"] == [film])
    window.says("night drive", "Live")


def a_file_that_cannot_be_opened_says_so_until_another_is_chosen(window):
    film = os.path.join(videos.name, "night drive.mp4")
    closed = os.path.join(videos.name, "closed.mp4")
    os.close(os.open(closed, os.O_CREAT, 0))
    window.press("Open night drive")
    chooser.will_choose(closed)
    window.press("Replace night drive.mp4")
    window.find("“closed.mp4” cannot be read: Permission denied. Check that you have the right to open it.")
    reads(window.address("/night-drive"), "")
    # Whoever thinks better of it keeps what there is.
    chooser.will_choose()
    chooser.questions(lambda: window.press("Replace closed.mp4"))
    chooser.will_choose(film)
    window.press("Replace closed.mp4")
    window.find("Replace night drive.mp4")
    reads(window.address("/night-drive"), "640,360")


def its_size_is_changed(window):
    window.choose_in("Size", 4, "640 × 360")
    window.choose_in("Size", 3, "854 × 480")
    reads(window.address("/night-drive"), "854,480")


def it_gets_a_password_and_a_second_user(window):
    window.choose_in("Who Can Watch", 1, "Users with a password")
    window.type("User Name", "guest")
    window.type("Password", passwords["guest"])
    window.press("Add")
    window.find("Protected")
    refused(window.address("/night-drive"))
    reads(address_for(window, "/night-drive", "guest"), "854,480")

    window.enter("Add User…")
    window.type("User Name", "ann")
    window.type("Password", passwords["ann"])
    window.press("Add")
    wait_for("both", lambda: stream(window, "night drive")["access"]["read"] == ["guest", "ann"])
    reads(address_for(window, "/night-drive", "ann"), "854,480")


def a_text_is_written_on_it(window):
    url = address_for(window, "/night-drive", "ann")
    assert brightest(url) < BLACK, "the film is black"
    window.enter("Add Text")
    window.apply("Text", "Night")
    wait_for("white letters", lambda: brightest(url) > WHITE)
    window.press("Back")
    window.gone("Back")


def it_is_renamed_and_duplicated(window):
    window.act("night drive", "card.rename")
    window.type("Name", "Drive")
    window.press("Rename")
    window.says("Drive", "Live")
    window.act("Drive", "card.duplicate")
    window.says("Drive (Copy)", "Live")
    # With all that it had: password, size and text.
    refused(window.address("/night-drive-2"))
    url = address_for(window, "/night-drive-2", "ann")
    reads(url, "854,480")
    assert brightest(url) > WHITE


def it_is_removed_and_brought_back(window):
    url = address_for(window, "/night-drive", "guest")
    window.act("Drive", "card.remove")
    window.gone("Turn on Drive")
    refused(url)
    window.press("Undo")
    window.says("Drive", "Live")
    reads(url, "854,480")
    assert window.names() == ["Color Bars", "Drive", "Drive (Copy)"], "at its place"


def it_is_turned_off_and_on(window):
    url = window.address("/color-bars")
    window.press("Turn on Color Bars")
    window.says("Color Bars", "Off")
    refused(url)
    reads(address_for(window, "/night-drive", "guest"), "854,480")
    window.press("Turn on Color Bars")
    window.says("Color Bars", "Live")
    reads(url, "1280,720")


def the_server_is_moved_to_a_port_that_is_taken_and_to_one_that_is_free(window):
    with socket.socket() as taken, socket.socket() as free:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free.bind(("127.0.0.1", 0))
        port, other = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        window.key("ctrl+comma")
        window.apply("Port", str(port))
        window.key("Escape")
        window.find(f"Port {port} is taken by another program")
        window.press("Change Port…")
        window.type("Port", str(other))
        window.press("Change Port")
        window.gone("Change Port…")
    assert window.address("/color-bars").endswith(f":{other}/color-bars")
    reads(window.address("/color-bars"), "1280,720")


def all_is_where_it_was_after_the_next_start(window):
    before = window.saved()
    window.key("ctrl+q")
    assert window.program.wait(20) == 0
    window.start()
    for name in ("Color Bars", "Drive", "Drive (Copy)"):
        window.says(name, "Live")
    assert window.saved() == before
    order = [n.get_name() for n in window.nodes() if n.get_name().startswith("Turn on ")]
    assert order == ["Turn on Color Bars", "Turn on Drive", "Turn on Drive (Copy)"], order
    reads(window.address("/color-bars"), "1280,720")
    for path in ("/night-drive", "/night-drive-2"):
        refused(window.address(path))
        for user in passwords:
            reads(address_for(window, path, user), "854,480")
        assert brightest(address_for(window, path, "ann")) > WHITE


def main():
    story = [
        a_pattern_is_added,
        a_file_is_added_through_the_file_chooser,
        a_card_offers_the_way_out_of_a_missing_file,
        a_file_that_cannot_be_opened_says_so_until_another_is_chosen,
        its_size_is_changed,
        it_gets_a_password_and_a_second_user,
        a_text_is_written_on_it,
        it_is_renamed_and_duplicated,
        it_is_removed_and_brought_back,
        it_is_turned_off_and_on,
        the_server_is_moved_to_a_port_that_is_taken_and_to_one_that_is_free,
        all_is_where_it_was_after_the_next_start,
    ]
    with chooser, videos:
        return run(Window(CONFIG, BOUND, **chooser.environment), story, is_story=True)


if __name__ == "__main__":
    sys.exit(main())
