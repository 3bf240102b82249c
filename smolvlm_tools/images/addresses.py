"""Which network addresses may be fetched from when someone else names the URL.

`fetch` resolves a host here once and connects to what came back. The list is written out because
`ipaddress` does not answer this question: `is_private` is false for 100.100.100.200 (metadata of a
large cloud) and `is_global` is true for NAT64, 6to4 and multicast. The ranges are those of the
IANA special-purpose address registries (RFC 6890), IPv4 and IPv6.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from ..errors import FetchFailed, UrlNotAllowed

PUBLIC_PORTS = frozenset({80, 443})
_FROM_ANYWHERE = 'Where a person names the URL, `policy="trusted"` fetches it from anywhere.'

Address = IPv4Address | IPv6Address

_REFUSED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind carriers' NAT; 100.100.100.200 is cloud metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host agent, on an address that looks public
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is cloud metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # protocol assignments, Teredo (carries an IPv4 address)
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 (carries an IPv4 address)
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
# Everything else is loopback, mapped or compatible IPv4, NAT64, unique or link-local, multicast
# or reserved.
_UNICAST_V6 = IPv6Network("2000::/3")


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet and does not stand for another address."""
    if isinstance(address, IPv6Address) and address not in _UNICAST_V6:
        return False
    return not any(address in network for network in _REFUSED)


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host, in the resolver's order; numerals in any notation are accepted."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label too long for IDNA
        raise FetchFailed(
            f"the host {host[:200]!r} could not be resolved ({error})", "Check the URL's host."
        ) from error
    return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


def resolve_public(host: str, port: int) -> list[Address]:
    """The addresses of a host, if all are public and the port is one of the web's.

    A single address that is not public is enough to refuse, because the resolver decides which
    one a client tries. The error does not show the address: it would map the internal network for
    a stranger.
    """
    if port not in PUBLIC_PORTS:
        raise UrlNotAllowed(
            f"the URL leads to port {port} of {host[:200]!r}",
            f"Only ports 80 and 443 are fetched. {_FROM_ANYWHERE}",
        )
    addresses = resolve(host, port)
    if not all(is_public(address) for address in addresses):
        raise UrlNotAllowed(
            f"the URL leads to {host[:200]!r}, which is not on the public internet",
            f"Pass a public URL, or the image as a file or its bytes. {_FROM_ANYWHERE}",
        )
    return addresses
