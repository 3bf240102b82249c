"""Data files as people have them, to samples.

    a file or folder -> opening -> rows (offsets; jsonl, json_array, csv_rows, folder)
                              a row -> one of FORMS -> messages -> checking -> Samples -> split

Everything is read once before a run begins, so that what is wrong is found before it costs hours;
afterwards only offsets and digests stay in memory.
"""

from __future__ import annotations

from .options import FORMAT_NAMES as FORMAT_NAMES
from .options import DataOptions as DataOptions
from .reading import read_split as read_split
