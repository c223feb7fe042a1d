"""Connections that go to the address that was checked, and end at a total deadline.

requests and urllib3 do the work. Put into them here: a socket whose every wait is cut
to what is left of the call's deadline (a server that sends one byte a second cannot
stretch it), and a connection that resolves the name itself, checks every address and
connects to one of those, while Host header and TLS keep the name.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urljoin

import requests
import requests.adapters
import requests.utils
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from smart_launch.addresses import Address, address_allowed, host_is_loopback
from smart_launch.errors import AddressRefused
from smart_launch.registration import Registration

# urllib3 logs whole addresses at DEBUG, and a FHIR search has the patient in its own.
logging.getLogger("urllib3.connectionpool").setLevel(logging.WARNING)

# Gives every address of a host name.
Resolver = Callable[[str, int], Sequence[Address]]

# A firewall may forget an idle connection without a word; a write on it would be lost.
MAX_IDLE = 20.0


def system_resolver(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(entry[4][0])) for entry in found))


@dataclass(slots=True)
class Call:
    """One request under way in this thread; `sent` once a byte of it may have left."""

    registration: Registration
    resolve: Resolver
    until: float
    sent: bool = False

    def remaining(self) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


class _UnderWay(threading.local):
    # Never with slots: those of a `local` are shared by all threads.
    call: Call | None = None


_under_way = _UnderWay()


@contextmanager
def under_way(call: Call) -> Iterator[Call]:
    _under_way.call = call
    try:
        yield call
    finally:
        _under_way.call = None


def _current() -> Call:
    call = _under_way.call
    assert call is not None, "connections are opened and read inside `under_way`"
    return call


class _PlainSocket(socket.socket):
    def recv_into(self, *args: Any, **more: Any) -> int:
        self.settimeout(_current().remaining())
        return super().recv_into(*args, **more)

    def sendall(self, *args: Any, **more: Any) -> None:
        self.settimeout(_current().remaining())
        super().sendall(*args, **more)


class _TlsSocket(ssl.SSLSocket):
    def recv_into(self, *args: Any, **more: Any) -> int:
        self.settimeout(_current().remaining())
        return super().recv_into(*args, **more)

    def send(self, *args: Any, **more: Any) -> int:
        # SSLSocket.sendall comes through here, piece by piece.
        self.settimeout(_current().remaining())
        return super().send(*args, **more)


def _connected(host: str, port: int, connection: HTTPConnection) -> socket.socket:
    """Open a socket to one of the host's addresses, after checking all of them."""
    call = _current()
    addresses = _resolved(host, port, connection)
    if connection.proxy is None:
        _check(addresses, host, call.registration)
    failure = "no address"
    for place, address in enumerate(addresses):
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        opened = _PlainSocket(family, socket.SOCK_STREAM)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Each address gets its share, so that a dead one leaves time for the next.
            opened.settimeout(call.remaining() / (len(addresses) - place))
            opened.connect((str(address), port))
            opened.settimeout(call.remaining())
        except OSError as error:
            opened.close()
            failure = type(error).__name__
        else:
            return opened
    raise NewConnectionError(connection, f"could not connect: {failure}")


def _resolved(host: str, port: int, connection: HTTPConnection) -> Sequence[Address]:
    """Resolve in a thread of its own: the system's resolver knows no deadline."""
    try:
        return [ip_address(host)]
    except ValueError:
        pass
    call = _current()
    answer: list[Sequence[Address]] = []

    def ask() -> None:
        try:
            answer.append(call.resolve(host, port))
        except OSError:
            answer.append(())

    asking = threading.Thread(target=ask, name="smart-launch-resolver", daemon=True)
    asking.start()
    asking.join(call.remaining())
    if not answer:
        raise ConnectTimeoutError(connection, "the name was not resolved in time")
    if not answer[0]:
        raise NewConnectionError(connection, "the name has no address")
    return answer[0]


def _check(addresses: Sequence[Address], host: str, registration: Registration) -> None:
    """Refuse the host if even one of its addresses is not allowed."""
    loopback = registration.allow_loopback_http and host_is_loopback(host)
    for address in addresses:
        if not address_allowed(
            address, registration.allowed_networks, loopback=loopback
        ):
            raise AddressRefused(
                "a name resolves to an address that is neither public nor in "
                "allowed_networks"
            )


class _Checked:
    """What both kinds of connection have in common."""

    last_used: float = 0.0

    def _new_conn(self: Any) -> socket.socket:
        return _connected(self._dns_host, self.port, self)

    def send(self: Any, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _current().sent = True
        super().send(data)  # type: ignore[misc]


class _HttpConnection(_Checked, HTTPConnection):
    pass


class _HttpsConnection(_Checked, HTTPSConnection):
    pass


class _Fresh:
    """A pool that does not hand out connections which have been idle for long."""

    def _get_conn(self: Any, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        if time.monotonic() - connection.last_used > MAX_IDLE:
            connection.close()
        return connection

    def _put_conn(self: Any, conn: Any) -> None:
        if conn is not None:
            conn.last_used = time.monotonic()
        super()._put_conn(conn)  # type: ignore[misc]


class _HttpPool(_Fresh, HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(_Fresh, HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


_POOLS: dict[str, type[ConnectionPool]] = {"http": _HttpPool, "https": _HttpsPool}


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, host name and certificate verified, against one bundle.

    The public bundle takes 40 ms to read, so all EHRs that go by it share it.
    """
    return _public_context() if ca_file is None else _context(ca_file)


@cache
def _public_context() -> ssl.SSLContext:
    return _context(requests.utils.DEFAULT_CA_BUNDLE_PATH)


def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _TlsSocket
    return context


class CheckedAdapter(requests.adapters.HTTPAdapter):
    """The requests adapter over the connections above.

    It is used without a `requests.Session`, whose further services are all unwanted
    here: redirects, cookies that all users of this process would share, proxies and
    passwords from the environment.
    """

    def __init__(self, registration: Registration, size: int) -> None:
        self._tls = tls_context(registration.ca_file)
        proxy = registration.proxy
        self.proxies = {"https": proxy, "http": proxy} if proxy else {}
        self._pools: dict[str, ConnectionPool] = {}
        super().__init__(pool_connections=8, pool_maxsize=size, max_retries=0)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **more: Any) -> PoolManager:
        manager: PoolManager = super().proxy_manager_for(
            proxy, proxy_ssl_context=self._tls, **more
        )
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> ConnectionPool:
        # Remembered here: finding a pool anew costs a tenth of a whole call.
        origin = urljoin(request.url, "/")
        pool = self._pools.get(origin)
        if pool is None:
            pool = super().get_connection_with_tls_context(
                request, verify, proxies, cert
            )
            self._pools[origin] = pool
        return pool

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        where, _ = super().build_connection_pool_key_attributes(request, True, None)
        return where, {"ssl_context": self._tls}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        # The context already has its one bundle. The original would add the public
        # certificate authorities to a private one, on every connection.
        conn.cert_reqs = "CERT_REQUIRED"

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Only what is read here; above all no cookies."""
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        return response

    def close(self) -> None:
        self._pools.clear()
        super().close()
