"""Listening sockets and what they need, and what to say when there is none to be had."""

import contextlib
import errno
import resource
import socket
import ssl

from keyturn.config.sections import Auth
from keyturn.domain.restrictions import address_of

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel caps it at ``net.core.somaxconn``."""


class CannotListen(Exception):
    """The address can't be listened on; the message is one line and says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; ``::`` takes IPv4 too.

    Args:
        host: Address or name of an interface of this machine.
        port: 0 for any that is free.

    Raises:
        CannotListen: With the reason.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise CannotListen(f"{host!r} is not an address of this machine; --host chooses another") from None
    # `localhost` is both; what clients are told is the IPv4 address.
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise CannotListen(_advice(error, host, port)) from None
    return listener


def _advice(error: OSError, host: str, port: int) -> str:
    where = f"port {port} on {host}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken; `ss -ltnp 'sport = :{port}'` shows by whom, --port chooses another"
    if error.errno == errno.EACCES:
        return f"{where} needs more rights than this user has; --port chooses another, such as 8080"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; --host chooses another"
    return f"can't listen on {where}: {_why(error)}"


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return "it is not a certificate with its key in PEM format"
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def is_exposed(listener: socket.socket | None) -> bool:
    """Say whether others than this machine reach the port."""
    if listener is None:
        return False
    address = address_of(str(listener.getsockname()[0]))
    return address is None or not address.is_loopback


def check_exposure(listener: socket.socket | None, auth: Auth, *, allowed: bool) -> None:
    """See that a node that asks for no key is reached from this machine only, unless that was asked for.

    Raises:
        CannotListen: Others could call models, at the operator's expense.
    """
    if auth.required or allowed or listener is None or not is_exposed(listener):
        return
    host = str(listener.getsockname()[0])
    raise CannotListen(
        f"auth.required is false, and {host} is open to the network: anyone could call models at your expense; "
        "set auth.required = true, listen on 127.0.0.1, or say --allow-anonymous-on-network"
    )


def check_certificate(certificate: str, key: str) -> None:
    """See that the certificate can be used before a worker is started with it; empty names are fine.

    Raises:
        CannotListen: With the reason.
    """
    if not certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise CannotListen(f"can't use {certificate} with {key}: {_why(error)}") from None


def _no_password() -> str:
    raise ValueError("the key is protected by a password, and nobody is there to type it")


def raise_open_file_limit() -> None:
    """Allow this process and its children as many open files as the machine lets them have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
