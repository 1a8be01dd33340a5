"""Listening, and what is said when it can't be."""

import resource
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from keyturn.config.sections import Auth
from keyturn.node.listening import (
    CannotListen,
    check_certificate,
    check_exposure,
    listen,
    raise_open_file_limit,
)


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("::", False)],  # noqa: S104 -- as an operator may
)
def test_a_node_without_keys_is_for_this_machine(host: str, here: bool) -> None:  # noqa: FBT001
    """What counts is the address that is listened on, not the name that was set."""
    with listen(host, 0) as listener:
        check_exposure(listener, Auth(), allowed=False)
        check_exposure(listener, Auth(required=False), allowed=True)
        check_exposure(None, Auth(required=False), allowed=False)
        if here:
            check_exposure(listener, Auth(required=False), allowed=False)
        else:
            with pytest.raises(CannotListen, match="--allow-anonymous-on-network"):
                check_exposure(listener, Auth(required=False), allowed=False)


def test_any_free_port_is_taken_for_zero() -> None:
    """Tests and demos run side by side."""
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0
        assert not listener.getblocking()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::", "::ffff:127.0.0.1"])  # noqa: S104 -- as an operator may
def test_an_ipv4_client_reaches_every_address_that_includes_it(host: str) -> None:
    """Double-stack hosts have clients of both families."""
    with listen(host, 0) as listener, socket.create_connection(("127.0.0.1", listener.getsockname()[1])):
        pass


@pytest.mark.parametrize("host", ["::1", "::"])
def test_an_ipv6_client_reaches_ipv6_addresses(host: str) -> None:
    """The other family."""
    with listen(host, 0) as listener, socket.create_connection(("::1", listener.getsockname()[1])):
        pass


def test_a_port_can_be_taken_again_at_once() -> None:
    """Connections in TIME_WAIT must not hold up a restart."""
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        first.setblocking(True)
        accepted, _ = first.accept()
        accepted.close()
        client.close()

    with listen("127.0.0.1", port) as second:
        assert second.getsockname()[1] == port


def test_a_taken_port_says_how_to_find_the_other() -> None:
    """It is mostly an earlier self."""
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]

        with pytest.raises(
            CannotListen, match=f"port {port} on 127.0.0.1 is taken; `ss -ltnp 'sport = :{port}'`"
        ):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "not a host", "no-such-host.invalid", "a" * 300])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    """One line, with the flag that changes it."""
    with pytest.raises(CannotListen, match="is not an address of this machine; --host chooses another"):
        listen(host, 0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, its key, and the key under a password."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node.example")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    signed = built.not_valid_after(datetime(2046, 1, 1, tzinfo=UTC)).sign(key, SHA256())
    (folder / "cert.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    for file, protection in (("key.pem", NoEncryption()), ("locked.pem", BestAvailableEncryption(b"secret"))):
        (folder / file).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
    return folder


def test_a_certificate_with_its_key_is_taken(certificate: Path) -> None:
    """The good case."""
    check_certificate(str(certificate / "cert.pem"), str(certificate / "key.pem"))


def test_no_certificate_is_none() -> None:
    """Plain HTTP is the default."""
    check_certificate("", "")


@pytest.mark.parametrize(
    ("cert", "key", "reason"),
    [
        ("missing.pem", "key.pem", "No such file"),
        ("key.pem", "key.pem", "not a certificate with its key"),
        ("cert.pem", "cert.pem", "not a certificate with its key"),
        ("cert.pem", "locked.pem", "protected by a password"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_found_before_the_start(
    certificate: Path, cert: str, key: str, reason: str
) -> None:
    """Otherwise each worker would say so in its own words."""
    with pytest.raises(CannotListen, match=reason):
        check_certificate(str(certificate / cert), str(certificate / key))


def test_the_soft_limit_of_open_files_becomes_the_hard_one() -> None:
    """Two files per proxied request, and 1,024 by default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))

    raise_open_file_limit()

    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
