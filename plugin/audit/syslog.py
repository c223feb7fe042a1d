"""Checkpoints to the system's log, as a second place that the database cannot reach.

Source: RFC 5424, 6.2.1 (facility 13, log audit; severity 6, informational).
"""

import socket
from collections.abc import Callable
from contextlib import closing

_PRIORITY = 13 * 8 + 6
_TAG = b"selfhelp-checkpoint"
_PORT = 514
_PATIENCE = 5.0  # seconds


def to_syslog(address: str) -> Callable[[bytes], None]:
    """Gives what sends one line.

    Takes: a socket's path, as "/dev/log"; or a host, or host:port, for UDP.
    """

    def send(line: bytes) -> None:
        """Raises: OSError, where nobody listens at a path or the host has no name."""
        message = b"<%d>%s: %s" % (_PRIORITY, _TAG, line.rstrip(b"\n"))
        with closing(_opened(address)) as opened:
            opened.send(message)

    return send


def _opened(address: str) -> socket.socket:
    if address.startswith("/"):
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        target: str | tuple[str, int] = address
    else:
        host, _, port = address.partition(":")
        family = socket.getaddrinfo(host, _PORT, type=socket.SOCK_DGRAM)[0][0]
        opened = socket.socket(family, socket.SOCK_DGRAM)
        target = (host, int(port) if port else _PORT)
    opened.settimeout(_PATIENCE)
    opened.connect(target)
    return opened
