"""A server, a browser, and visits to the page."""

from __future__ import annotations

import pytest

from tests.support.serve_page import Visit, browser
from tests.support.serve_servers import served


@pytest.fixture(scope="module")
def server():
    with served("--model", "embedded:fp32") as url:
        yield url


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture
def visiting(chromium):
    """Makes visits; in the end none has asked another host for anything, or broken the policy."""
    visits = []

    def visit(url, **options):
        visits.append((url, Visit(chromium, url, **options)))
        return visits[-1][1]

    yield visit
    for url, each in visits:
        each.close()
        assert not each.faults
        strangers = [one for one in each.asked if not one.startswith((url + "/", f"blob:{url}/"))]
        assert not strangers


@pytest.fixture
def visit(visiting, server):
    return visiting(server)
