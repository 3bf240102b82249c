"""http(s) sources, against a loopback server with every bad habit."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from smolvlm_tools import (
    FetchFailed,
    FetchTimeout,
    ImageTooLarge,
    InputError,
    UnsupportedFormat,
    UrlNotAllowed,
)
from smolvlm_tools.images import ImagePolicy, load_image
from tests.support.bad_sites import PNG, BadSite

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def site() -> Iterator[BadSite]:
    server = BadSite()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("page", ["png", "chunked"])
def test_a_url_gives_the_same_image_as_its_bytes(site: BadSite, page: str) -> None:
    fetched = load_image(site.url(page))
    assert fetched.sha256 == load_image(PNG).sha256
    assert fetched.format == "PNG"


def test_five_redirects_are_followed_and_six_are_not(site: BadSite) -> None:
    assert load_image(site.url("hops?5")).size == (256, 256)
    with pytest.raises(FetchFailed, match="redirects more than 5 times"):
        load_image(site.url("hops?6"))


@pytest.mark.parametrize("status", [204, 403, 404, 500, 304])
def test_an_http_error_is_named(site: BadSite, status: int) -> None:
    with pytest.raises(FetchFailed, match=f"status {status}"):
        load_image(site.url(f"status?{status}"))


@pytest.mark.parametrize("page", ["endless", "declared"])
def test_no_more_than_the_byte_cap_is_downloaded(site: BadSite, page: str) -> None:
    with pytest.raises(ImageTooLarge, match="the limit is 1,000,000 bytes"):
        load_image(site.url(page), ImagePolicy(max_bytes=1_000_000))


def test_a_broken_off_answer_fails(site: BadSite) -> None:
    with pytest.raises(FetchFailed, match="could not be fetched"):
        load_image(site.url("short"))


def test_compressed_content_is_refused_without_unpacking_it(site: BadSite) -> None:
    with pytest.raises(FetchFailed, match="compressed"):
        load_image(site.url("gzip"))


@pytest.mark.parametrize("part", ["body", "header"])
def test_a_dripping_server_meets_the_deadline(site: BadSite, part: str) -> None:
    with pytest.raises(FetchTimeout, match=r"longer than 0\.4 s"):
        load_image(site.url(f"drip?{part}"), ImagePolicy(url_timeout=0.4))


def test_a_silent_server_meets_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(FetchTimeout):
            load_image(url, ImagePolicy(url_timeout=0.3))


def test_a_server_that_is_not_there_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(FetchFailed, match="could not be fetched"):
        load_image(f"http://127.0.0.1:{port}/")


def test_a_web_page_is_not_an_image(site: BadSite) -> None:
    with pytest.raises(UnsupportedFormat):
        load_image(site.url("html"))


def test_urls_switched_off_are_refused_unfetched(site: BadSite) -> None:
    with pytest.raises(UrlNotAllowed, match="switched off"):
        load_image(site.url("png"), ImagePolicy(allow_urls=False))
    assert site.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/a.png",
        "gopher://host/a.png",
        "http://user:secret@127.0.0.1/a.png",
        "http://127.0.0.1\\@1.1.1.1/",
        "http://",
        "http://:80/",
        "http://host:99999/",
        "https://[::1/",
    ],
)
def test_urls_that_are_not_plain_http_are_refused(url: str) -> None:
    with pytest.raises(UrlNotAllowed) as caught:
        load_image(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://host/", "http://a:b@127.0.0.1/"])
def test_a_redirect_obeys_the_same_rules(site: BadSite, target: str) -> None:
    with pytest.raises(UrlNotAllowed):
        load_image(site.url(f"to?{target}"))


def test_header_injection_in_a_url_goes_nowhere(site: BadSite) -> None:
    with pytest.raises(InputError):
        load_image(site.url("png\r\nX-Evil: 1\r\n\r\n"))


@pytest.mark.parametrize("error", [ValueError("odd"), UnicodeError("odd"), RuntimeError("odd")])
def test_whatever_a_resolver_raises_is_a_typed_error_and_ends_no_thread(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int) -> None:
        raise error

    raised = list[object]()
    monkeypatch.setattr("smolvlm_tools.images.fetch.resolve", resolve)
    monkeypatch.setattr("threading.excepthook", raised.append)
    with pytest.raises(FetchFailed, match=r"'images\.example' could not be resolved \(odd\)"):
        load_image("http://images.example/a.png")
    assert raised == []
