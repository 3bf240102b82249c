"""Videos, and animations that are to be seen as such: a few frames of each, with their times.

    choice     what a caller says: how many frames, from when to when
    sampling   which frames that means, by transformers' arithmetic
    scenes     which frames begin a scene
    still      frames that show the same
    captions   what is said to the model before and between the frames
    containers how the files of videos begin and end
    film       Film, one open video, and Frame, one of its pictures
    decoded    a video file, by PyAV (the extra `video`), which the first one loads
    animated   a GIF, APNG or WebP animation, by Pillow
    clip       Clip, a list of images that are frames
    isolated   the same films, read in child processes with limits on time and memory
    opening    source -> Film -> frames

Sources are read by `smolvlm_tools.images`, under its policy.
"""

from __future__ import annotations

from .choice import FrameChoice, parse_frames
from .clip import Clip
from .containers import SUFFIXES, is_video
from .film import Film, FilmFacts, Frame
from .opening import open_film, pick_frames, read_source

__all__ = [
    "SUFFIXES",
    "Clip",
    "Film",
    "FilmFacts",
    "Frame",
    "FrameChoice",
    "is_video",
    "open_film",
    "parse_frames",
    "pick_frames",
    "read_source",
]
