"""An OpenID provider as it is spoken to: discovery, the exchange of a code, the check of an ID token.

Source: https://openid.net/specs/openid-connect-core-1_0.html, https://www.rfc-editor.org/rfc/rfc7636 (PKCE)
"""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import Key, KeySet

from keyturn import system
from keyturn.config.sections import Oidc as OidcSettings

TIMEOUT_S = 10.0
KNOWN_S, KEYS_APART_S = 3_600.0, 60.0
"""How long what was discovered holds; how often keys are fetched anew at most, whatever tokens say."""
LEEWAY_S = 60
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
)
"""Signatures only: never ``none``, never a shared secret."""
SCOPE = "openid email profile"
_Answer = TypeVar("_Answer")


class ProviderError(Exception):
    """The provider could not be asked, or said what it must not; the text is for the operator's log."""


class Metadata(msgspec.Struct, frozen=True):
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Claims(msgspec.Struct, frozen=True):
    """What an ID token says."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    nonce: str = ""
    azp: str = ""
    iat: float = 0
    auth_time: float | None = None
    email: str = ""
    email_verified: bool | str = False
    name: str = ""

    @property
    def verified_email(self) -> str:
        """The address, in lower case, if the provider has made sure that it is theirs."""
        sure = self.email_verified is True or self.email_verified == "true"
        return self.email.strip().lower() if sure else ""


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""


class _UserInfo(msgspec.Struct, frozen=True):
    sub: str
    email: str = ""
    email_verified: bool | str = False
    name: str = ""


class Provider:
    """One provider."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._metadata: Metadata | None = None
        self._keys: KeySet | None = None
        self._metadata_at = self._keys_at = -float("inf")
        self._turn = asyncio.Lock()

    async def address(self, *, redirect_uri: str, state: str, nonce: str, verifier: str, fresh: bool) -> str:
        """Return where the browser is led.

        Args:
            redirect_uri: Where it comes back to.
            state: Comes back with it.
            nonce: Comes back inside the ID token.
            verifier: Of PKCE; its hash is sent now, itself with the code.
            fresh: Have the provider ask again who it is.

        Raises:
            ProviderError: It can't be asked.
        """
        known = await self._discover()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        if fresh:
            query |= {"prompt": "login", "max_age": "0"}
        separator = "&" if "?" in known.authorization_endpoint else "?"
        return f"{known.authorization_endpoint}{separator}{urlencode(query)}"

    async def claims(self, code: str, *, redirect_uri: str, nonce: str, verifier: str) -> Claims:
        """Exchange a code; return what the provider says of its user, checked.

        Raises:
            ProviderError: It can't be asked, or its answer is not to be believed.
        """
        known = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"accept": "application/json"}
        settings = self._settings
        if not settings.client_secret:
            form["client_id"] = settings.client_id
        elif "client_secret_basic" in known.token_endpoint_auth_methods_supported:
            pair = f"{quote(settings.client_id, safe='')}:{quote(settings.client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
        tokens = await _ask("POST", known.token_endpoint, _Tokens, headers=headers, data=form)
        claims = _read(await self._verified(tokens.id_token))
        problem = problem_with(
            claims, issuer=known.issuer, client_id=settings.client_id, nonce=nonce, now_s=system.now()
        )
        if problem:
            raise ProviderError(problem)
        if not claims.email and tokens.access_token and known.userinfo_endpoint:
            claims = await self._with_user_info(known, claims, tokens.access_token)
        return claims

    async def _with_user_info(self, known: Metadata, claims: Claims, access_token: str) -> Claims:
        headers = {"accept": "application/json", "authorization": f"Bearer {access_token}"}
        told = await _ask("GET", known.userinfo_endpoint, _UserInfo, headers=headers)
        if told.sub != claims.sub:  # OpenID Connect Core 5.3.2
            raise ProviderError("the user information is somebody else's")
        return msgspec.structs.replace(
            claims, email=told.email, email_verified=told.email_verified, name=claims.name or told.name
        )

    async def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            try:
                return jwt.decode(token, await self._key_set(), algorithms=ALGORITHMS).claims
            except InvalidKeyIdError:  # the provider has new keys
                return jwt.decode(token, await self._key_set(anew=True), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise ProviderError(f"the ID token is not signed as it must be: {error}") from None

    async def _discover(self) -> Metadata:
        async with self._turn:
            if self._metadata is None or system.monotonic() - self._metadata_at > KNOWN_S:
                base = self._settings.issuer.rstrip("/")
                found = await _ask("GET", f"{base}/.well-known/openid-configuration", Metadata)
                if found.issuer != self._settings.issuer:  # OpenID Connect Discovery 4.3
                    raise ProviderError(f"the provider calls itself {found.issuer!r}")
                self._metadata, self._metadata_at = found, system.monotonic()
            return self._metadata

    async def _key_set(self, *, anew: bool = False) -> KeySet:
        known = await self._discover()
        async with self._turn:
            age = system.monotonic() - self._keys_at
            if self._keys is None or age > KNOWN_S or (anew and age > KEYS_APART_S):
                raw = await _ask("GET", known.jwks_uri, dict[str, Any])
                self._keys, self._keys_at = _key_set(raw.get("keys")), system.monotonic()
            return self._keys


def problem_with(claims: Claims, *, issuer: str, client_id: str, nonce: str, now_s: float) -> str:
    """Return why an ID token is not to be believed though it is signed; empty: it is (OpenID Connect Core 3.1.3.7)."""
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != issuer:
        return "the ID token is another provider's"
    if client_id not in audience or (len(audience) > 1 and claims.azp != client_id):
        return "the ID token is for another client"
    if claims.azp and claims.azp != client_id:
        return "the ID token was given to another client"
    if claims.exp + LEEWAY_S <= now_s:
        return "the ID token is over"
    if claims.iat > now_s + LEEWAY_S:
        return "the ID token is from the future; compare the clocks"
    if not nonce or claims.nonce != nonce:
        return "the ID token answers another request"
    if not claims.sub or len(claims.sub) > 255:
        return "the ID token names nobody"
    return ""


def _key_set(listed: object) -> KeySet:
    """Return the keys that can be read; others stand beside them (RFC 7517 section 5)."""
    found: list[Key] = []
    for one in listed if isinstance(listed, list) else []:
        # Of a type, on a curve or of a form that nobody here knows: tokens signed by it are refused one by one.
        with suppress(JoseError, ValueError, TypeError, KeyError):
            found.append(KeySet.registry_cls.import_key(one))
    if not found:
        raise ProviderError("none of the provider's keys can be read")
    return KeySet(found)


def _read(claims: Mapping[str, Any]) -> Claims:
    try:
        return msgspec.convert(claims, Claims)
    except msgspec.ValidationError as error:
        raise ProviderError(f"the ID token can't be read: {error}") from None


async def _ask(
    method: str,
    url: str,
    what: type[_Answer],
    *,
    headers: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
) -> _Answer:
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await client.request(method, url, headers=headers, data=data)
        if answer.status_code != 200:
            raise ProviderError(f"{url} answered {answer.status_code}: {answer.text[:200]!r}")
        return msgspec.json.decode(answer.content, type=what)
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError, ValueError) as error:
        raise ProviderError(f"{url}: {type(error).__name__}: {error}") from None


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
