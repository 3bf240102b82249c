"""Models that run on servers are scored, too."""

from __future__ import annotations

import pytest

from smolvlm_tools.errors import RemoteFailed
from smolvlm_tools.quality.evaluate import (
    DataWish,
    evaluate,
    open_data,
)
from tests.support.benchmark_files import write_table
from tests.support.chat_servers import chat_server, refuses, says
from tests.support.evaluating import replies


def test_a_model_on_a_server_is_scored_like_any_other(tmp_path):
    data = open_data(DataWish("ocrbench", data=str(write_table(tmp_path, "ocrbench"))))
    with chat_server(says("It says CENTRE")) as server, server.engine() as engine:
        report = evaluate(engine, data)
    assert (report.score, report.model, report.backend) == (100, "some-model", "remote")
    (body,) = server.bodies
    assert body["temperature"] == 0


def test_a_server_is_not_held_to_a_beginning_and_the_report_says_so(tmp_path):
    data = open_data(DataWish("mmstar", data=str(write_table(tmp_path, "mmstar"))))
    with chat_server(says("B")) as server, server.engine() as engine:
        report = evaluate(engine, data)
    assert report.score == 100 and any("a server is not held" in d for d in report.differences)


def test_a_server_that_fails_ends_the_run_and_is_no_score(mine, tmp_path):
    with chat_server(refuses(400)) as server, server.engine(retries=0) as engine:
        with pytest.raises(RemoteFailed):
            evaluate(engine, mine, out=tmp_path / "out")
    assert replies(tmp_path / "out") == {}
