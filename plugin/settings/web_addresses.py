"""Which addresses and networks an installation may name, and why others are refused."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

TO_HTTPS = (
    "Write https:// (http is for loopback addresses in demonstrations, with "
    "allow_loopback_http = true)"
)


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    address = address_of(host)
    return address.is_loopback if address else host == "localhost"


def plain_http(url: str, *, loopback: bool) -> str | None:
    """Why the address may not be used as it is, or None.

    Takes:  `loopback`, whether http to this machine may be, as in a demonstration.
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        return None
    if not loopback:
        return "is plain http"
    return None if is_loopback(parts.hostname) else "is plain http to another machine"


def too_open(networks: Iterable[str], *, loopback: bool) -> Iterator[tuple[str, str]]:
    """What is wrong with a list of allowed networks, and how to mend it."""
    for network in networks:
        if ip_network(network).is_loopback and not loopback:
            yield (
                f"allowed_networks lets the app call itself ({network})",
                "Leave loopback ranges out",
            )
        if ip_network(network).is_link_local:
            yield (
                f"allowed_networks opens the machine's metadata range ({network})",
                "Leave link-local ranges out",
            )
        if ip_network(network).prefixlen == 0:
            yield (
                f"allowed_networks opens every address ({network})",
                "Name the range that is yours, as 10.20.0.0/16",
            )
