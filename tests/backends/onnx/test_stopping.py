"""A run of ONNX Runtime ends in its midst once nobody wants what comes of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from smolvlm_tools import Cancelled, SmolVLM
from smolvlm_tools.backends.onnx.session import stoppable
from smolvlm_tools.errors import ModelError
from smolvlm_tools.machine.stopping import stoppable_by
from tests.support.workers import wait_until


def cancelled_at(call: int):
    """A check that raises when it is called so often."""
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) >= call:
            raise Cancelled("the request was cancelled", "Ask again.")

    return check


def test_a_run_is_told_to_end_and_the_reason_replaces_its_error() -> None:
    given = SimpleNamespace(terminate=False)
    with (
        pytest.raises(Cancelled),
        stoppable_by(cancelled_at(2)),
        stoppable(given) as options,
    ):
        wait_until(lambda: options.terminate)
        raise ModelError("the decoder failed", "Export it again.")
    assert given.terminate is False


def test_a_failure_of_a_wanted_run_stays_what_it_is() -> None:
    options = SimpleNamespace(terminate=False)
    with pytest.raises(ModelError), stoppable_by(lambda: None), stoppable(options):
        raise ModelError("the decoder failed", "Export it again.")


def test_a_prompt_is_given_up_while_it_is_read_and_the_next_one_reads_the_same() -> None:
    with SmolVLM.load("embedded", backend="onnx") as vlm:
        backend = vlm._pipeline.backend
        ids = np.arange(2000, dtype=np.int64) % 400

        def read() -> np.ndarray:
            cache = backend.create_cache(2048)
            try:
                return backend.forward(ids, cache)
            finally:
                backend.release_cache(cache)

        before = read()
        with pytest.raises(Cancelled), stoppable_by(cancelled_at(2)):
            read()
        assert np.array_equal(read(), before)
