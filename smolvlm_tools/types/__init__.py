"""The frozen values that cross the package's surface."""

from __future__ import annotations

from .checks import Box as Box
from .checks import Check as Check
from .checks import CheckedLine as CheckedLine
from .checks import CheckedText as CheckedText
from .checks import CheckedWord as CheckedWord
from .checks import CheckName as CheckName
from .checks import Evidence as Evidence
from .checks import Word as Word
from .messages import ImagePart as ImagePart
from .messages import Message as Message
from .messages import MessageLike as MessageLike
from .messages import PageRef as PageRef
from .messages import Part as Part
from .messages import TextPart as TextPart
from .names import Calibrated as Calibrated
from .names import Detail as Detail
from .names import FinishReason as FinishReason
from .names import Flag as Flag
from .names import Incomplete as Incomplete
from .names import OnIncomplete as OnIncomplete
from .names import Resolution as Resolution
from .names import Role as Role
from .names import Stage as Stage
from .names import Task as Task
from .names import TextLayout as TextLayout
from .names import TextSource as TextSource
from .options import GenerationOptions as GenerationOptions
from .pace import Pace as Pace
from .plans import ExpectedSeconds as ExpectedSeconds
from .plans import ImagePlan as ImagePlan
from .plans import RequestPlan as RequestPlan
from .results import Progress as Progress
from .results import StageSeconds as StageSeconds
from .results import StreamChunk as StreamChunk
from .results import Token as Token
from .results import Usage as Usage
from .results import VisionResult as VisionResult
from .value import Value as Value
