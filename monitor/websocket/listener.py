"""The socket that connections come in at: a bounded number of them, from one address and in all."""

import errno
import ipaddress
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

MAX_CONNECTIONS = 32
"""Connections that may be open, whether they have said anything or not: each takes a file descriptor."""
MAX_PER_ADDRESS = 8
"""The same from one address: the one that speaks, and those that are being told that they may not."""
PAUSE_S = 0.5
"""After the system had no descriptor left it is not asked again for so long."""

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_V6_SITE = 64
"""Bits of an IPv6 address that one site has in common; it chooses the others as it likes."""


class Listener(socket.socket):
    """Listens, and hangs up on who is one too many, before anything is read or encrypted.

    Args:
        family: AF_INET or AF_INET6.
        on_refusal: Called with the address and why, for each connection that was turned away.
    """

    def __init__(self, family: int, on_refusal: Callable[[str, str], None]) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._on_refusal = on_refusal
        self._hosts: WeakKeyDictionary[socket.socket, str] = WeakKeyDictionary()
        self._exhausted_s: float | None = None

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that may come in.

        Raises:
            BlockingIOError: There is none.
            OSError: Likewise, and the system has no descriptor left; asyncio says so, tries again a second later, and
                would ask, and say so, a hundred times until then.
        """
        if self._exhausted_s is not None and time.monotonic() - self._exhausted_s < PAUSE_S:
            raise BlockingIOError
        try:
            connection, address = super().accept()
        except OSError as error:
            self._exhausted_s = time.monotonic() if error.errno in _EXHAUSTED else None
            raise
        refusal = self._refusal(address[0])
        if refusal is not None:
            connection.close()
            self._on_refusal(address[0], refusal)
            raise BlockingIOError  # others that wait are seen in the event loop's next round
        self._hosts[connection] = address[0]
        return connection, address

    def hang_up(self) -> None:
        """Ends every connection, also those that have not said a word yet."""
        for connection in self._open():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _refusal(self, host: str) -> str | None:
        open_now = self._open()
        if len(open_now) >= MAX_CONNECTIONS:
            return f"{MAX_CONNECTIONS} connections are open"
        if sum(site(self._hosts[one]) == site(host) for one in open_now) >= MAX_PER_ADDRESS:
            return f"{MAX_PER_ADDRESS} connections from there are open"
        return None

    def _open(self) -> list[socket.socket]:
        return [connection for connection in self._hosts if connection.fileno() >= 0]


def site(host: str) -> str:
    """Who an address belongs to: itself, or for IPv6 the network of which one has all addresses."""
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address), _V6_SITE), strict=False))
