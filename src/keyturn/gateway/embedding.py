"""Embeddings in another dialect than the client's: texts on their way out, vectors on their way back."""

import msgspec

from keyturn.dialects import gemini, gemini_embeddings, openai_chat, openai_embeddings
from keyturn.dialects.canonical import Written
from keyturn.dialects.embeddings import Embedding, ReadEmbedding, Vectors
from keyturn.domain.models import Target
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage, tokens_in
from keyturn.gateway.translation import Translation, drop
from keyturn.gateway.ways import Way
from keyturn.providers.provider import BATCH_EMBED_CONTENTS, Codec

MOST_TEXTS = 100
"""As many as Google takes; the vectors of more would be too large an answer to be turned into another dialect."""


class AskedVectors(msgspec.Struct, frozen=True):
    """A request as the provider gets it.

    Attributes:
        body: JSON.
        embedding: What it says.
        dropped: What the client wrote and the provider does not get, by path.
    """

    body: bytes
    embedding: Embedding
    dropped: tuple[str, ...]


def ask(
    way: Way, operation: str, body: bytes, model: str, target: Target, *, stream: bool, lossy: bool
) -> AskedVectors | Refused:
    """Say a client's request in the provider's dialect.

    Args:
        way: How it gets there.
        operation: The client's.
        body: Likewise.
        model: The name by which the client asked for the model.
        target: The provider's model.
        stream: The answer is to come in pieces, as no vector does.
        lossy: The client allows what can't be said to be dropped.
    """
    if stream:
        return Refused(Reason.INVALID_MEMBER, "Embeddings do not come in pieces", "stream")
    read = _read(way, operation, body, model)
    if isinstance(read, Refused):
        return read
    if len(read.embedding.inputs) > MOST_TEXTS:
        message = (
            f"At most {MOST_TEXTS} texts can be embedded at once where the model is asked in another dialect"
        )
        member = "input" if way.client is Codec.OPENAI_EMBEDDINGS else "requests"
        return Refused(Reason.INVALID_MEMBER, message, member)
    embedding = msgspec.structs.replace(read.embedding, model=target.model)
    written = _write(way, embedding)
    dropped = drop(way, read.losses + written.losses, lossy=lossy)
    return dropped if isinstance(dropped, Refused) else AskedVectors(written.body, embedding, dropped)


def _read(way: Way, operation: str, body: bytes, model: str) -> ReadEmbedding | Refused:
    if way.client is Codec.OPENAI_EMBEDDINGS:
        return openai_embeddings.read_embed(body)
    return gemini_embeddings.read_embed(body, model=model, batch=operation == BATCH_EMBED_CONTENTS)


def _write(way: Way, embedding: Embedding) -> Written:
    if way.provider is Codec.OPENAI_EMBEDDINGS:
        return openai_embeddings.write_embed(embedding)
    return gemini_embeddings.write_embed(embedding)


class EmbeddingTranslation(Translation):
    """The answer to one translated request. It never comes in pieces."""

    __slots__ = ("_embedding", "_many", "_model", "_to_openai")

    def __init__(self, way: Way, asked: AskedVectors, *, operation: str, model: str) -> None:
        """Get ready.

        Args:
            way: How the request got there.
            asked: What it was.
            operation: The client's.
            model: As the client has asked for it; Gemini's answers name none.
        """
        self._model = model
        self._to_openai = way.client is Codec.OPENAI_EMBEDDINGS
        self._ours, self._theirs = (openai_chat, gemini) if self._to_openai else (gemini, openai_chat)
        self._embedding, self._many = asked.embedding, operation == BATCH_EMBED_CONTENTS
        self.dropped, self.usage = asked.dropped, None
        self.length = sum(len(text.encode()) for text in asked.embedding.inputs)

    def answer(self, body: bytes, *, stream: bool = False) -> bytes | None:  # noqa: ARG002 -- it never is one
        """Return a whole answer as the client reads it; ``None``: it is none, or has not a vector for each text."""
        model, inputs = self._model, self._embedding.inputs
        if not self._to_openai:
            found = openai_embeddings.read_vectors(body)
            if found is None or len(found.vectors) != len(inputs):
                return None
            return gemini_embeddings.write_vectors(found, batch=self._many)
        found = gemini_embeddings.read_vectors(body, model=model)
        if found is None or len(found.vectors) != len(inputs):
            return None
        if found.usage is None:  # a client of this dialect expects to be told
            found = Vectors(model, found.vectors, Usage(tokens_in(self.length)))
        try:
            return openai_embeddings.write_vectors(found, self._embedding.encoding)
        except OverflowError:  # a number that 32 bits can't hold
            return None
