"""Amazon Bedrock: one dialect for chats with all its models (Converse), requests signed or with a Bedrock API key.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import re
from urllib.parse import urlsplit

import msgspec

from keyturn.providers import provider
from keyturn.providers.aws_signature import Access, sign
from keyturn.providers.provider import CHATS, Codec, Headers, Provider, ToSign, can_be_sent, in_path

_HOST = re.compile(r"bedrock-runtime(-fips)?\.([a-z]{2}[a-z0-9-]*-[0-9])\.(.+)")
_SERVICE = "bedrock"
_ACCESS = re.compile(r"[A-Z0-9]{16,128}:[A-Za-z0-9/+=]{16,}(:[A-Za-z0-9/+=]{16,})?")
_INVALID = (
    "A credential for Bedrock is an API key of Bedrock's, or ACCESS_KEY_ID:SECRET_ACCESS_KEY, "
    "with :SESSION_TOKEN behind it if there is one"
)


class Bedrock(Provider, frozen=True, kw_only=True):
    """The runtime of one region."""

    def codec(self, operation: str, model: str = "") -> Codec | None:
        """Every chat is a conversation."""
        del model
        return Codec.BEDROCK_CONVERSE if operation in CHATS else None

    def path(self, operation: str, model: str = "", *, stream: bool = False) -> str:
        """A model's identifier may be the ARN of an inference profile: it is one segment all the same."""
        del operation
        return f"/model/{in_path(model)}/{'converse-stream' if stream else 'converse'}"

    def headers(self, credential: str, operation: str = provider.CHAT) -> Headers:
        """A key of Bedrock's own is shown as it is; one that signs is not shown."""
        return () if _access(credential) else Provider.headers(self, credential, operation)

    def signature(self, request: ToSign, credential: str) -> Headers:
        """Signed where the credential signs, else what ``headers`` says."""
        access = _access(credential)
        if access is None:
            return self.headers(credential)
        return sign(request, access, region=region_of(request.url), service=_SERVICE)

    def problem_with_address(self, base_url: str) -> str:
        """The region is read from the host, and is part of what is signed."""
        url = urlsplit(base_url)
        if region_of(base_url) and not url.path:
            return ""
        return f"The base URL of Bedrock names its region and has no path: {BEDROCK.address}"

    def problem_with_credential(self, credential: str) -> str:
        """One of two shapes; what has colons must be the second."""
        if _ACCESS.fullmatch(credential) or (can_be_sent(credential) and ":" not in credential):
            return ""
        return _INVALID

    def models_url(self, base_url: str) -> str:
        """It is another host that knows them."""
        match = _HOST.fullmatch(urlsplit(base_url).netloc)
        if match is None:
            return ""
        return f"https://bedrock{match[1] or ''}.{match[2]}.{match[3]}/foundation-models?byInferenceType=ON_DEMAND"

    def read_models(self, body: bytes) -> list[str]:
        """Those that write text, and can be called by their own name."""
        return [one.id for one in _LISTING.decode(body).models if "TEXT" in one.outputs]


class _Listed(msgspec.Struct):
    id: str = msgspec.field(name="modelId")
    outputs: list[str] = msgspec.field(name="outputModalities", default_factory=list)


class _Listing(msgspec.Struct):
    models: list[_Listed] = msgspec.field(name="modelSummaries")


_LISTING = msgspec.json.Decoder(_Listing)


def region_of(url: str) -> str:
    """Return the region in the host of a URL, empty where there is none."""
    host = urlsplit(url).hostname or ""
    match = _HOST.fullmatch(host) or re.fullmatch(r"bedrock(-fips)?\.([a-z]{2}[a-z0-9-]*-[0-9])\..+", host)
    return match[2] if match else ""


def _access(credential: str) -> Access | None:
    return Access(*credential.split(":")) if _ACCESS.fullmatch(credential) else None


BEDROCK = Bedrock(
    id="bedrock",
    title="Amazon Bedrock",
    address="https://bedrock-runtime.{region}.amazonaws.com",
    variables=("AWS_BEARER_TOKEN_BEDROCK",),
    credential="an API key of Bedrock's, or `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`",
    signs=True,
    note="Models that are called through an inference profile are added by its name or ARN.",
    source="https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
)
