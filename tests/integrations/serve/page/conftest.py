"""The page in a real Chromium, against the real command."""

from __future__ import annotations

import contextlib
from urllib.parse import urlsplit

import pytest

from tests.support.browser import CHROMIUM, TOKEN, chromium
from tests.support.serve_servers import served


@pytest.fixture(scope="session")
def url():
    """A server with a token: whatever the page asks for, it must send it."""
    with served("--model", "embedded:fp32", SMOLVLM_SERVE_TOKEN=TOKEN) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """Ends with each file: no other event loop runs beside Playwright's."""
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with chromium() as browser:
        yield browser


@contextlib.contextmanager
def opened(browser, url, token=None):
    """The page as somebody opens it. It reaches no other host, and breaks none of its own rules."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    if token is not None:
        context.add_init_script(f"sessionStorage.setItem('smolvlm-token', '{token}')")
    page = context.new_page()
    hosts, faults = set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Policy" in line.text else None)
    page.goto(url)
    yield page
    context.close()
    assert hosts <= {urlsplit(url).netloc, ""}, "blob: and data: have no host"
    assert not faults


@pytest.fixture
def stranger(browser, url):
    with opened(browser, url) as page:
        yield page


@pytest.fixture
def page(browser, url):
    """The page of somebody who has given the token."""
    with opened(browser, url, TOKEN) as page:
        page.wait_for_selector("#model option", state="attached")
        yield page
