"""Which addresses may be called: pure questions about URLs, hosts and networks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from urllib.parse import urlsplit

# Stricter than RFC 3986 on purpose: user information, spaces, backslashes, control
# characters and non-ASCII letters are where two parsers disagree about the host.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?][!#$%&'()*+,\-./0-9:;=?@A-Z_a-z~|]*)?"
)
_DEFAULT_PORT = {"https": 443, "http": 80}
MAX_URL = 8192

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Origin:
    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin | None:
    """Scheme, lower-case host and port; None for anything but a plain http address."""
    found = _URL.fullmatch(url) if len(url) <= MAX_URL else None
    if found is None:
        return None
    scheme = found["scheme"]
    port = int(found["port"]) if found["port"] else _DEFAULT_PORT[scheme]
    host = found["host"].lower().strip("[]")
    # The second opinion: the library that will open the connection must agree.
    try:
        second = urlsplit(url)
        agree = second.hostname == host and (second.port or port) == port
    except ValueError:
        return None
    return Origin(scheme, host, port) if agree and 0 < port < 65536 else None


def host_is_loopback(host: str) -> bool:
    """True for loopback addresses and for `localhost` and what is below it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def address_allowed(
    address: Address, networks: Iterable[Network], *, loopback: bool
) -> bool:
    """Whether a resolved address may be connected to.

    Public addresses always, private ones only inside `networks`, loopback also where
    `loopback` says so, link-local ones (cloud metadata lives there) never. An IPv4
    address wrapped in IPv6 is judged as itself.
    """
    inner = _unwrapped(address)
    if inner.is_link_local or inner.is_multicast or inner.is_unspecified:
        return False
    if inner.is_loopback and loopback:
        return True
    if any(
        inner in network for network in networks if network.version == inner.version
    ):
        return True
    return inner.is_global and not inner.is_reserved


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address.teredo is not None:
            return address.teredo[1]
        # NAT64 (RFC 6052): the last 32 bits are the IPv4 address that is reached.
        if address in IPv6Network("64:ff9b::/96"):
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
