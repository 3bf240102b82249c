"""Any text where an image is named: a typed error, soon, and no address is ever asked."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smolvlm_tools import FetchFailed, InputError, UrlNotAllowed
from smolvlm_tools.images import ImagePolicy, fetch, load_image
from smolvlm_tools.tools import ImageStore, agent_policy

TEXTS = st.one_of(
    st.text(max_size=60),
    st.text("img:smolvlm/ \n0aF%", max_size=60),
    st.from_regex(r"(https?|file|data|ftp|img)://?[^\n]{0,40}", fullmatch=True),
    st.from_regex(r"data:[a-z;/]{0,12},[%0-9a-zA-Z+/=]{0,40}", fullmatch=True),
)
ODD = [
    "http://[",
    "http://[::1",
    "http://\ud800/",
    "http://a:99999/",
    "http://a:" + "9" * 5_000 + "/",
    "http://" + "a." * 20_000 + "/",
    "http://xn--" + "a" * 200 + "/",
    "file://[/a",
    "file://\0",
    "img:",
    "img:" + "0" * 16,
    "smolvlm://images/../../etc/passwd",
    "\ud800",
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hosts that were looked up, none of which is found."""
    hosts: list[str] = []

    def resolve(host: str, port: int) -> None:
        hosts.append(host)
        raise FetchFailed("there is no network here", "Leave it.")

    monkeypatch.setattr(fetch, "resolve", resolve)
    monkeypatch.setattr(fetch, "resolve_public", resolve)
    return hosts


def with_examples(test: object) -> object:
    for text in ODD:
        test = example(text)(test)  # pyright: ignore
    return test


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@with_examples
@given(TEXTS)
def test_any_text_is_a_typed_error(asked: list[str], text: str) -> None:
    for policy in (ImagePolicy(), ImagePolicy(public_addresses_only=True)):
        with contextlib.suppress(InputError):
            load_image(text, policy)
    with contextlib.suppress(InputError):
        ImageStore(agent_policy(())).load(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@with_examples
@given(TEXTS)
def test_with_urls_switched_off_no_host_is_looked_up(asked: list[str], text: str) -> None:
    with pytest.raises(InputError):
        load_image(f"http://{text}", ImagePolicy(allow_urls=False))
    assert asked == []


@pytest.mark.parametrize("length", [300, 70_000, 2_000_000])
def test_a_long_url_is_refused_soon(asked: list[str], length: int) -> None:
    began = time.process_time()
    for text in ("http://a/" + "%20" * length, "http://" + "a" * length, "http://" + "@" * length):
        with pytest.raises((UrlNotAllowed, FetchFailed)):
            load_image(text)
    assert time.process_time() - began < 4
