"""A client that leaves ends the work that is done for it, whether it left before or meanwhile."""

from __future__ import annotations

import anyio
import pytest
from smolvlm_mcp.leaving import Leaving


def ended(leaves_first: bool) -> list[str]:
    said = list[str]()

    async def run() -> None:
        leaving = Leaving.of(scope := {})
        if leaves_first:
            leaving.happens()
        async with anyio.create_task_group() as tasks:

            async def work() -> None:
                with Leaving.of(scope).cancels():
                    await anyio.sleep_forever()
                said.append("the work has ended")

            tasks.start_soon(work)
            await anyio.wait_all_tasks_blocked()
            leaving.happens()

    anyio.run(run)
    return said


@pytest.mark.parametrize("leaves_first", [True, False])
def test_work_ends_when_the_client_leaves(leaves_first):
    assert ended(leaves_first) == ["the work has ended"]


def test_what_is_done_before_it_leaves_is_kept_and_errors_pass():
    async def run() -> None:
        leaving = Leaving()
        with leaving.cancels():
            done.append(1)
        leaving.happens()
        with pytest.raises(ValueError, match="of the work"), Leaving().cancels():
            raise ValueError("of the work")

    done = list[int]()
    anyio.run(run)
    assert done == [1]
