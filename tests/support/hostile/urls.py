"""URLs that lead where nothing may be sent, and sites with every bad habit."""

from __future__ import annotations

from collections.abc import Iterator

from smolvlm_tools.errors import FetchFailed, PathNotAllowed, UrlNotAllowed
from tests.support.refused_urls import REFUSED

from .case import ANY, TYPED, WORKS, Case, Sent, codes

FETCHING = frozenset({"python-urls", "mcp-http"})
"""Surfaces that may fetch from the public internet, which the wire replaces by our own site."""

_NO = codes(UrlNotAllowed, FetchFailed, PathNotAllowed, "image_not_found", "bad_encoding")
_MORE = (
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://[::1]:{port}/",
    "http://localhost/",
    "http://localhost./",
    "http://LOCALHOST/",
    "http://localhost.localdomain/",
    "http://ip6-localhost/",
    "http://127.0.0.1./",
    "http://127.00.0.1/",
    "http://0300.0250.1.1/",
    "http://3232235777/",
    "http://0xA9FEA9FE/",
    "http://169.254.43518/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[::1%25eth0]/",
    "http://[::]:80/",
    "http://[fe80::1%lo]/",
    "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "http://127\uff0e0\uff0e0\uff0e1/",
    "http://127.0.0.1%00.example.com/",
    "http://127.0.0.1%2f@1.1.1.1/",
    "http://1.1.1.1@127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "http:/127.0.0.1/",
    "http:127.0.0.1",
    "http:///127.0.0.1/",
    "//127.0.0.1/",
    "hTTp://127.0.0.1/",
    " http://127.0.0.1/",
    "\thttp://127.0.0.1/\n",
    "http://127.0.0.1\t/",
    "http://12\n7.0.0.1/",
    "http://127.0.0.1/\r\nHost: evil",
    "http://:@127.0.0.1/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://metadata/",
    "http://private.test/",
    "http://mixed.test/",
    "http://\ud800/",
    "http://" + "a" * 100_000 + "/",
    "http://127.0.0.1/" + "a" * 1_000_000,
    "http://[" + ":" * 1_000 + "]/",
    "http://xn--/",
    "http://%31%32%37.0.0.1/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "ws://127.0.0.1/",
    "ldap://127.0.0.1/",
    "dict://127.0.0.1:11211/stat",
    "jar:http://127.0.0.1!/",
    "view-source:http://127.0.0.1/",
    "javascript:alert(1)",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
)
_PUBLIC = ("http://1.1.1.1#@127.0.0.1/", "http://1.1.1.1?@127.0.0.1/")
"""What stands behind # and ? is no host: these lead to the public internet."""

_HABITS = {
    "png": codes(WORKS),
    "chunked": codes(WORKS),
    "hops?5": codes(WORKS),
    "hops?6": codes(FetchFailed),
    "html": TYPED,
    "status?404": codes(FetchFailed),
    "status?500": codes(FetchFailed),
    "endless": codes("image_too_large"),
    "declared": codes("image_too_large", FetchFailed),
    "short": codes(FetchFailed),
    "gzip": codes(FetchFailed),
    "drip?body": codes(FetchFailed),
    "drip?header": codes(FetchFailed),
    "to?file:///etc/passwd": _NO,
    "to?ftp://127.0.0.1/": _NO,
    "to?http://a:b@public.test/": _NO,
    "to?http://127.0.0.1/": _NO,
    "to?http://[::1]/": _NO,
    "to?http://169.254.169.254/latest/meta-data/": _NO,
    "to?http://private.test/": _NO,
    "to?//127.0.0.1/": _NO,
    "to?http://public.test:22/": _NO,
    "to?" + "http://public.test/" + "a" * 60_000: TYPED,
}


def cases() -> Iterator[Case]:
    for url in (*REFUSED, *_MORE):
        told = url.encode("unicode_escape").decode()
        told = told if len(told) <= 60 else f"{told[:40]}… of {len(url):,}"
        # LlamaIndex makes a stroke of a backslash, and so a path on a public host of "@…".
        allowed = _NO | {"unsupported_format"} if "\\@" in url else _NO
        yield Case(f"URL {told}", "url", lambda url=url: Sent(text=url), allowed, AGENTS)
    for url in _PUBLIC:
        yield Case(f"URL {url}", "url", lambda url=url: Sent(text=url), ANY, AGENTS)
    for page, allowed in _HABITS.items():
        url = f"http://public.test/{page}"
        told = page if len(page) <= 60 else f"{page[:40]}… of {len(page):,}"
        yield Case(f"site: {told}", "url", lambda url=url: Sent(text=url), allowed, FETCHING)
    flip = "http://flip.test/to?http://flip.test/png"
    yield Case("site: flipping resolver", "url", lambda: Sent(text=flip), _NO, FETCHING)


AGENTS = frozenset({"python", "python-urls", "langchain", "llama-index", "mcp-stdio", "mcp-http"})
"""Surfaces whose URLs come from strangers."""
