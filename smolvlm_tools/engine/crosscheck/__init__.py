"""A reply beside what was recognised in the same image: agreement, boxes, the better text.

letters      words as the characters that are compared
alignment    which characters of two texts are the same ones (edit distance)
certainty    how sure the model was of each of its lines
lines        a transcription, line by line and word by word
lost_spaces  one recognised word that is several of the model's
left_out     which line of the model lacks a recognised word
best_text    of two transcriptions, the better word each time
installed    which checks can run here
evidence     where the values of an answer are printed
stills       no videos: a check reads images
checking     from images and a reply to the reply with its `check`
"""

from __future__ import annotations

from .answers import read_for_answer as read_for_answer
from .answers import read_for_answer_async as read_for_answer_async
from .checking import Checker as Checker
from .checking import CheckMemory as CheckMemory
from .checking import Judge as Judge
from .checking import open_checker as open_checker
from .checking import parse_checking as parse_checking
from .installed import find_checks as find_checks
