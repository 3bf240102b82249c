"""Reads the images that a question is about, if its answer is to be looked for in them."""

from __future__ import annotations

from functools import partial

from ...images import ImagePolicy
from ...machine.stopping import stoppable_by
from ...machine.threads import check_of, in_thread
from ...prompt.request import RequestOptions, parse_cancel, parse_policy
from ...prompt.tasks import Images
from ...types import CheckName
from .checking import CheckMemory, Read, open_checker


def read_for_answer(
    images: Images,
    check: CheckName | None,
    options: RequestOptions,
    policy: ImagePolicy,
    check_memory: CheckMemory,
    question: str = "",
) -> Read:
    """Read images for the check of an answer; they are only passed on where none is wanted.

    Args:
        options: of the request.
        policy: which images are let in where the options do not say it.
        question: if there is one; it tells which of equal values is meant.

    Raises:
        InputError: see `load_image` and `open_as_images`.
        OutOfMemoryBudget: see `check_memory`.
        BadOptions, BackendUnavailable: see `open_checker`.
    """
    allowed = parse_policy(options.get("policy")) or policy
    with stoppable_by(check_of(parse_cancel(options.get("cancel")))):
        checker = open_checker(check, "model", allowed, check_memory=check_memory)
        return checker.answer(images, options, question)


async def read_for_answer_async(
    images: Images,
    check: CheckName | None,
    options: RequestOptions,
    policy: ImagePolicy,
    check_memory: CheckMemory,
    question: str = "",
) -> Read:
    """`read_for_answer` for an event loop."""
    read = partial(read_for_answer, images, check, options, policy, check_memory, question)
    if check is None:
        return read()
    return await in_thread(read, parse_cancel(options.get("cancel")))
