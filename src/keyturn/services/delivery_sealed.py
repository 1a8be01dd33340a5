"""Secrets encrypted to a key's holder: only who has the private key can read them.

The box is base64 (RFC 4648 section 4, with padding) of these bytes, one after the other:

    1   the version, 0x01
    32  an X25519 public key made for this box alone, as RFC 7748 encodes it
    12  the nonce
    n   AES-256-GCM of the secret's text in UTF-8, with the 16 bytes of the tag at the end

The AES key is HKDF-SHA256 (RFC 5869) over the X25519 shared secret, 32 bytes long; its salt is the box's public key
followed by the receiver's, its info ``keyturn sealed secret v1``. The associated data of AES-GCM is the identifier of
the key (``key_…``), so that a box for one key can't be passed off as another's.
"""

import base64

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyturn import system
from keyturn.domain.secret import Secret

_LENGTH = 32
_VERSION = 1
_INFO = b"keyturn sealed secret v1"
_NONCE_LENGTH = 12


def seal_to(public_key: bytes, key_id: str, secret: Secret) -> str:
    """Encrypt a secret to whoever holds the private key; see the module for the format.

    Args:
        public_key: Of the receiver: 32 bytes, checked when they were registered (``services.key_checks``).
        key_id: Of the key whose secret it is.
        secret: What to encrypt.
    """
    own = _key()
    public = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(public_key))
    derived = HKDF(SHA256(), _LENGTH, salt=public + public_key, info=_INFO).derive(shared)
    nonce = system.random_bytes(_NONCE_LENGTH)
    box = AESGCM(derived).encrypt(nonce, secret.reveal().encode(), key_id.encode())
    return base64.b64encode(bytes((_VERSION,)) + public + nonce + box).decode()


def _key() -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(system.random_bytes(_LENGTH))
