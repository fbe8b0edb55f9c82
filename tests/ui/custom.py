#!/usr/bin/env python3
"""Pipelines of the user's own, through the window.

Needs what window.py needs, and ffmpeg.
"""

import sys

from drive.program import Window, run, wait_for
from drive.reader import probe

CONFIG = """
version = 1
[server]
port = 0
"""
MISSPELT = (
    "There is no element “videotestsource”."
    " Check how it is written, or install the GStreamer plugin that brings it."
)


def source(window):
    return window.saved()["streams"][0]["source"]


def a_pipeline_is_tried_as_it_is_typed_and_added(window):
    window.find("No Streams")
    window.key("ctrl+n")
    window.press("Custom Pipeline")
    assert not window.is_sensitive("Add"), "there is no pipeline"
    window.type("GStreamer Pipeline", "videotestsource ! video/x-raw,width=320,height=240")
    window.find(MISSPELT)
    wait_for("nothing to add", lambda: not window.is_sensitive("Add"))
    window.type("GStreamer Pipeline", "videotestsrc is-live=true ! video/x-raw,width=320,height=240")
    window.gone(MISSPELT)
    wait_for("something to add", lambda: window.is_sensitive("Add"))
    # What is typed is run only when that is meant.
    assert all(node.get_name() != "Preview of Pipeline" for node in window.nodes()), "it runs already"
    window.enter("Show the Picture")
    window.find("Preview of Pipeline")
    window.press("Add")
    window.says("Pipeline", "Live")
    assert probe(window.address("/pipeline")) == "320,240"


def a_pipeline_is_changed_on_its_page(window):
    window.press("Open Pipeline")
    before = source(window)
    window.type("GStreamer Pipeline", "videotestsource")
    window.find(MISSPELT)
    assert source(window) == before
    right = "videotestsrc is-live=true ! video/x-raw,width=640,height=360"
    window.type("GStreamer Pipeline", right)
    window.gone(MISSPELT)
    window.go_to("GStreamer Pipeline", "text")
    window.key("Return")
    wait_for("the pipeline", lambda: source(window) == {"custom": {"pipeline": right}})
    wait_for("its size", lambda: probe(window.address()) == "640,360")


def main():
    return run(Window(CONFIG), [a_pipeline_is_tried_as_it_is_typed_and_added, a_pipeline_is_changed_on_its_page])


if __name__ == "__main__":
    sys.exit(main())
