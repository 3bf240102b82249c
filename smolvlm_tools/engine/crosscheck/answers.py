"""Reads the images that a question is about, if its answer is to be looked for in them."""

from __future__ import annotations

from functools import partial

from ...images import ImagePolicy
from ...machine.stopping import stoppable_by
from ...machine.threads import check_of, in_thread
from ...prompt.request import RequestOptions, parse_cancel, parse_policy
from ...prompt.tasks import Images
from ...types import CheckName
from .checking import Read, open_checker


def read_for_answer(
    images: Images, check: CheckName | None, options: RequestOptions, policy: ImagePolicy
) -> Read:
    """Read images for the check of an answer; they are only passed on where none is wanted.

    Args:
        options: of the request.
        policy: which images are let in where the options do not say it.

    Raises:
        InputError: see `load_image` and `open_as_images`.
        BadOptions, BackendUnavailable: see `open_checker`.
    """
    allowed = parse_policy(options.get("policy")) or policy
    with stoppable_by(check_of(parse_cancel(options.get("cancel")))):
        return open_checker(check, "model", allowed).answer(images, options)


async def read_for_answer_async(
    images: Images, check: CheckName | None, options: RequestOptions, policy: ImagePolicy
) -> Read:
    """`read_for_answer` for an event loop."""
    read = partial(read_for_answer, images, check, options, policy)
    if check is None:
        return read()
    return await in_thread(read, parse_cancel(options.get("cancel")))
