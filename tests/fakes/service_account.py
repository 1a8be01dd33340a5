"""A key file of a service account, with a key of its own."""

from functools import cache

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@cache
def private_key() -> rsa.RSAPrivateKey:
    """Return the key, made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_file(**members: str) -> str:
    """Return the file, with some members otherwise."""
    pem = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    told = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "kid-1",
        "private_key": pem,
        "client_email": "keyturn@p.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return msgspec.json.encode(told | members).decode()
