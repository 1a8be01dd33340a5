"""Google's Vertex AI: Gemini, Claude and others in one project, called with a token that a service account asks for.

The credential that is kept is the service account's key file. It is not sent with requests: it signs an assertion, and
for that Google gives an access token of an hour. ``assertion`` and ``read_token`` are the pure halves of that exchange.

Source: https://docs.cloud.google.com/vertex-ai/docs/reference/rest,
https://developers.google.com/identity/protocols/oauth2/service-account
"""

import re
from base64 import urlsafe_b64encode
from urllib.parse import urlencode, urlsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from keyturn.providers import provider
from keyturn.providers.gemini_methods import method_of
from keyturn.providers.provider import (
    CHATS,
    UNCHANGED,
    BodyChange,
    Codec,
    Headers,
    Provider,
    can_be_sent,
    in_path,
)

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_HOSTS = frozenset({"oauth2.googleapis.com", "oauth2.mtls.googleapis.com", "accounts.google.com"})
"""Where a key file may send its assertion: another host would be given a token for the account."""
LIFE_S = 3600
"""The longest that an assertion, and so a token, may be good."""
ANTHROPIC_VERSION = "vertex-2023-10-16"

_BASE = re.compile(r"/v1(beta1)?/projects/[a-z0-9:.-]+/locations/[a-z0-9-]+")
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CLAUDE = BodyChange(frozenset({"model"}), (("anthropic_version", f'"{ANTHROPIC_VERSION}"'.encode()),))
_GOOGLE = "google/"


class ServiceAccount(msgspec.Struct, frozen=True):
    """A key file, as far as it is of use."""

    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 -- an address


class Token(msgspec.Struct, frozen=True):
    """What Google gives for an assertion."""

    access_token: str
    expires_in: int
    """Seconds."""


class Vertex(Provider, frozen=True, kw_only=True):
    """One project in one region.

    A model's name says who made it: ``gemini-2.5-pro`` (or ``google/…``) is Google's, ``claude-…`` Anthropic's, any
    other has its maker before a slash, as ``meta/llama-…``, and is asked in OpenAI's dialect.
    """

    def codec(self, operation: str, model: str = "") -> Codec | None:
        """By who has made the model."""
        if operation == provider.COUNT_TOKENS:
            return Codec.ANTHROPIC_TOKENS if _is_claude(model) else None
        if operation in {provider.EMBED_CONTENT, provider.CONTENT_TOKENS}:
            return self._googles(operation, model)
        if operation not in CHATS:
            return None
        if _is_claude(model):
            return Codec.ANTHROPIC_MESSAGES
        return Codec.GEMINI if _is_googles(model) else Codec.OPENAI_CHAT

    def path(self, operation: str, model: str = "", *, stream: bool = False) -> str:
        """Below ``…/projects/PROJECT/locations/REGION``."""
        if _is_claude(model):
            if operation == provider.COUNT_TOKENS:
                return "/publishers/anthropic/models/count-tokens:rawPredict"
            method = "streamRawPredict" if stream else "rawPredict"
            return f"/publishers/anthropic/models/{in_path(model)}:{method}"
        if not _is_googles(model):
            return "/endpoints/openapi/chat/completions"
        name = in_path(model.removeprefix(_GOOGLE))
        return f"/publishers/google/models/{name}:{method_of(operation, stream=stream)}"

    def headers(self, credential: str, operation: str = provider.CHAT) -> Headers:
        """Shows an access token; a key file is nothing to show, and never is."""
        return Provider.headers(self, credential, operation) if can_be_sent(credential) else ()

    def change(self, operation: str, model: str = "") -> BodyChange:
        """Claude's model stands in the path, the version of its dialect in the body."""
        if not _is_claude(model) or self.codec(operation, model) is None:
            return UNCHANGED
        # To count tokens the body names the model: the path has another word in its place.
        return BodyChange(add=_CLAUDE.add) if operation == provider.COUNT_TOKENS else _CLAUDE

    def problem_with_address(self, base_url: str) -> str:
        """The project and the region stand in it."""
        if _BASE.fullmatch(urlsplit(base_url).path):
            return ""
        return f"The base URL of Vertex AI names project and region: {VERTEX.address}"

    def problem_with_credential(self, credential: str) -> str:
        """A key file that signs, and sends what it has signed to Google."""
        try:
            account = read_account(credential)
        except ValueError as error:
            return str(error)
        url = urlsplit(account.token_uri)
        if url.scheme != "https" or url.netloc not in TOKEN_HOSTS:
            return "The key file's token_uri is no address of Google's"
        return ""

    def models_url(self, base_url: str) -> str:
        """Google's own models; the others are not listed anywhere for a project."""
        url = urlsplit(base_url)
        return f"{url.scheme}://{url.netloc}/v1beta1/publishers/google/models?pageSize=300"

    def read_models(self, body: bytes) -> list[str]:
        """Those that write: an image's or an embedding's model is asked in other ways."""
        names = [one.name.rpartition("/")[2] for one in _LISTING.decode(body).models]
        return [name for name in names if name.startswith("gemini-")]

    @staticmethod
    def _googles(operation: str, model: str) -> Codec | None:
        if _is_claude(model) or not _is_googles(model):
            return None
        return Codec.GEMINI_TOKENS if operation == provider.CONTENT_TOKENS else Codec.GEMINI_EMBEDDINGS


class _Listed(msgspec.Struct):
    name: str


class _Listing(msgspec.Struct):
    models: list[_Listed] = msgspec.field(name="publisherModels", default_factory=list)


_LISTING = msgspec.json.Decoder(_Listing)
_ACCOUNT = msgspec.json.Decoder(ServiceAccount)
_TOKEN = msgspec.json.Decoder(Token)


def read_account(text: str) -> ServiceAccount:
    """Read a key file.

    Raises:
        ValueError: It is none; the text says why, and holds nothing of it.
    """
    try:
        account = _ACCOUNT.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise ValueError("A credential for Vertex AI is the JSON key file of a service account") from None
    _private_key(account.private_key)
    return account


def assertion(account: ServiceAccount, now_s: int) -> bytes:
    """Return the body of the request for a token, to be sent to ``account.token_uri`` as a form."""
    header = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
    claims = {
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": now_s,
        "exp": now_s + LIFE_S,
    }
    signed = b".".join(_base64(msgspec.json.encode(part)) for part in (header, claims))
    signature = _private_key(account.private_key).sign(signed, PKCS1v15(), SHA256())
    text = b".".join((signed, _base64(signature))).decode()
    return urlencode({"grant_type": _GRANT, "assertion": text}).encode()


def read_token(body: bytes) -> Token:
    """Read the answer.

    Raises:
        msgspec.DecodeError: It is no token.
    """
    return _TOKEN.decode(body)


def _private_key(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("The key file's private_key can't be read") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("The key file's private_key is no RSA key")  # noqa: TRY004 -- the file's fault, no caller's
    return key


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _is_claude(model: str) -> bool:
    return model.startswith("claude-")


def _is_googles(model: str) -> bool:
    return "/" not in model or model.startswith(_GOOGLE)


VERTEX = Vertex(
    id="vertex",
    title="Google Vertex AI",
    address="https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}",
    credential="the JSON key file of a service account",
    exchanges=True,
    forwarded=provider.FORWARDED | {b"anthropic-beta"},
    note="In the global region the host is aiplatform.googleapis.com. Claude and others are added by name.",
    source="https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
)
