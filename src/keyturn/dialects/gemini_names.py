"""The names of models inside requests of Gemini's dialect: beside the one in the path, some bodies name it again.

Each of the ``requests`` of ``batchEmbedContents`` does, and the ``generateContentRequest`` that ``countTokens`` is about.
Sources: https://ai.google.dev/api/embeddings#method:-models.batchembedcontents, https://ai.google.dev/api/tokens.
"""

from collections.abc import Sequence

import msgspec

from keyturn.dialects import json_scan
from keyturn.dialects.json_scan import Members
from keyturn.domain.refusals import Reason, Refused

_FOLDER = "models/"
_REQUESTS, _WHOLE = "requests", ("generateContentRequest", "generate_content_request")
_items = msgspec.json.Decoder(list[msgspec.Raw])
_string = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode


def rename(body: bytes, found: Members, model: str, target: str) -> bytes | Refused:
    """Return a body in which every request inside names the provider's model; what is no such request is left alone.

    Args:
        body: The client's.
        found: Its members; afterwards those of the new one.
        model: The name in the path, by which the client asked. A request inside that names another one is refused.
        target: The provider's name of the model.
    """
    changed: dict[str, bytes] = {}
    if _REQUESTS in found:
        requests = _several(found[_REQUESTS], model, target)
        if isinstance(requests, Refused):
            return requests
        changed[_REQUESTS] = b"[" + b",".join(requests) + b"]"
    for name in _WHOLE:
        if name in found:
            renamed = _one(bytes(found[name]), f"{name}.", model, target)
            if isinstance(renamed, Refused):
                return renamed
            changed[name] = renamed
    for name, value in changed.items():
        body = json_scan.replace(body, found, name, value)
        found[name] = msgspec.Raw(value)
    return body


def _several(raw: msgspec.Raw, model: str, target: str) -> Sequence[bytes] | Refused:
    try:
        items = _items.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return Refused(Reason.INVALID_MEMBER, "'requests' must be a list", _REQUESTS)
    renamed = []
    for index, item in enumerate(items):
        one = _one(bytes(item), f"{_REQUESTS}[{index}].", model, target)
        if isinstance(one, Refused):
            return one
        renamed.append(one)
    return renamed


def _one(request: bytes, path: str, model: str, target: str) -> bytes | Refused:
    found = json_scan.members(request)
    if isinstance(found, Refused):
        where = path[:-1] if found.param is None else path + found.param
        return Refused(found.reason, f"'{path[:-1]}' must be an object, with each member once", where)
    if "model" in found:
        try:
            named = _string.decode(found["model"])
        except msgspec.DecodeError:
            named = ""
        if named.removeprefix(_FOLDER) != model:
            message = f"'model' must be '{_FOLDER}{model}', as in the path"
            return Refused(Reason.INVALID_MEMBER, message, f"{path}model")
    return json_scan.replace(request, found, "model", _encode(_FOLDER + target.removeprefix(_FOLDER)))
