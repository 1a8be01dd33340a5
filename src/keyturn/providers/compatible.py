"""Providers that speak the OpenAI API: where they are reached, what they take, and what stays here of their answers."""

from collections.abc import Iterable, Mapping

from keyturn.providers import provider
from keyturn.providers.provider import CHATS, EMBEDS, NATIVE, Codec, Provider

FORWARDED = provider.FORWARDED | {b"openai-beta"}
"""Request headers that reach the provider."""
WITHHELD = provider.WITHHELD | {b"openai-organization", b"openai-project"}
"""Answer headers that stay here."""

PATHS: Mapping[str, str] = {
    provider.CHAT: "/chat/completions",
    provider.GENERATE: "/chat/completions",
    provider.COMPLETIONS: "/completions",
    provider.RESPONSES: "/responses",
    provider.EMBEDDINGS: "/embeddings",
    provider.MODERATIONS: "/moderations",
    provider.IMAGES: "/images/generations",
    provider.IMAGE_EDITS: "/images/edits",
    provider.IMAGE_VARIATIONS: "/images/variations",
    provider.SPEECH: "/audio/speech",
    provider.TRANSCRIPTIONS: "/audio/transcriptions",
    provider.TRANSLATIONS: "/audio/translations",
    provider.REALTIME: "/realtime",
    provider.MESSAGES: "/messages",
    provider.COUNT_TOKENS: "/messages/count_tokens",
}
"""Where an operation is found below the base URL; the last two at hosts that speak Anthropic's dialect beside."""
_VERSION = "/v1"


class Compatible(Provider, frozen=True, kw_only=True):
    """A host that speaks OpenAI's dialect.

    Attributes:
        offers: The operations that it takes as they are.
        own_paths: Where it has an operation at another path than ``PATHS`` says, with a base URL that may end in
            ``/v1`` or not: this is what comes before that.
    """

    offers: frozenset[str]
    own_paths: Mapping[str, str] = {}
    forwarded: frozenset[bytes] = FORWARDED
    withheld: frozenset[bytes] = WITHHELD

    def codec(self, operation: str, model: str = "") -> Codec | None:
        """As it is what the host offers; other chats become completions of chats, or else responses.

        Whoever wants vectors gets them from its embeddings.
        """
        del model
        said = self._said(operation)
        return None if said is None else NATIVE[said]

    def path(self, operation: str, model: str = "", *, stream: bool = False) -> str:
        """The model and whether to stream stand in the body."""
        del model, stream
        said = self._said(operation) or operation
        return self.own_paths.get(said) or PATHS[said]

    def base(self, base_url: str, operation: str) -> str:
        """Without ``/v1`` where the path is the host's own, which says all behind the host."""
        return base_url.removesuffix(_VERSION) if self._said(operation) in self.own_paths else base_url

    def models_url(self, base_url: str) -> str:
        """Empty where the host has no such list."""
        return Provider.models_url(self, base_url) if self.lists_models else ""

    def _said(self, operation: str) -> str | None:
        """Return the operation of the host's that a client's becomes."""
        if operation in self.offers:
            return operation
        if operation in CHATS:
            return next((one for one in (provider.CHAT, provider.RESPONSES) if one in self.offers), None)
        return provider.EMBEDDINGS if operation in EMBEDS and provider.EMBEDDINGS in self.offers else None


def is_document(lines: Iterable[bytes]) -> bool:
    """Say whether an answer with these header names and values is one JSON document, of use only when it is whole."""
    return any(piece[:16].lower() == b"application/json" for piece in lines)
