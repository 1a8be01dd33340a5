"""A call of a model whose request is a form with files: it passes as it is, but for the model's name.

Theory. The form is read where it lies (``dialects.form_data``), and those of its fields that the gateway acts on become
members, as if they had stood in a JSON object: from there on it is an exchange like any other. What differs is how a
field is replaced or removed, what is reserved, and what makes a repeated request the same: clients choose another
boundary each time. A JSON object is taken, too: some providers take one at these paths.
"""

import msgspec

from keyturn.dialects import audio_length, form_data, media_requests
from keyturn.dialects.calls import Call
from keyturn.dialects.form_data import Form
from keyturn.dialects.json_scan import Members
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.usage import Usage
from keyturn.gateway.attempting import Attempting
from keyturn.gateway.once import OnceExchange
from keyturn.gateway.paths import Operation
from keyturn.gateway.plane import Plane
from keyturn.gateway.request import Request
from keyturn.schemes import body as body_scheme
from keyturn.schemes.presented import Presented

_READ = ("model", "stream", "n", "quality", "size", body_scheme.MEMBER)
_JSON = b"application/json"
_WORDS = {"true": b"true", "1": b"true", "false": b"false", "0": b"false", "": b"false"}
"""What stands for yes and no in a form: it has no other values than text."""


class FormExchange(Attempting):
    """One call of a model."""

    __slots__ = ()

    def __init__(self, plane: Plane, request: Request, operation: Operation, model: bytes) -> None:
        super().__init__(plane, request, operation, model)
        self.form = None

    def _form(self) -> Form | Refused | None:
        """Return the form, or why it is none that can be read; ``None``: the request doesn't say that it is one."""
        if self.form is None:
            content_type = self.request.headers.get(b"content-type", b"")
            if form_data.is_form(content_type):
                self.form = form_data.read(self.request.body, content_type)
        return self.form

    def _credential_in_body(self) -> Presented | Refused:
        form = self._form()
        if form is None:
            return super()._credential_in_body()
        missing = Refused(Reason.MISSING_API_KEY)
        if isinstance(form, Refused):
            return missing
        found = members_of(form, (body_scheme.MEMBER,))
        return missing if isinstance(found, Refused) else self._presented(found)

    def read_body(self) -> Members | None:
        """Find the fields that the gateway acts on and take a credential out; ``None`` after a refusal."""
        form = self._form()
        if form is None:
            if self.request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == _JSON:
                return super().read_body()
            message = f"Send this as '{form_data.MEDIA_TYPE.decode()}', with the boundary in the Content-Type"
            form = Refused(Reason.INVALID_MEMBER, message)
        found = form if isinstance(form, Refused) else members_of(form, _READ)
        if isinstance(found, Refused):
            self.refuse(found, self.key.id)
            return None
        return self._without_credential(found)

    def _remove(self, members: Members, name: str) -> None:
        if not isinstance(self.form, Form):
            super()._remove(members, name)
            return
        self.request.body = self.form.without(name)
        self.form = None
        self._form()
        del members[name]

    def read_call(self, members: Members) -> Call | None:
        """Read what the gateway acts on, and what is going to be used; ``None`` after a refusal."""
        call = super().read_call(members)
        form = self.form
        if call is None or not isinstance(form, Form):
            return call
        return msgspec.structs.replace(
            call, expected=_expected(self.operation.name, form, members, call.answers)
        )

    def cut(self) -> Members:
        """Return the fields of a form once more, or the members of an object."""
        form = self.form
        found = members_of(form, _READ) if isinstance(form, Form) else super().cut()
        return {} if isinstance(found, Refused) else found

    def _pass(self, members: Members) -> None:
        form = self.form
        if not isinstance(form, Form):
            super()._pass(members)
            return
        target = self.way.model_prefix + self.route.target.model
        self.body = form.body if target == self.call.model else form.replaced("model", target.encode())


class OnceFormExchange(FormExchange, OnceExchange):
    """One call of a model, if it was not made before."""

    __slots__ = ()

    def read_body(self) -> Members | None:
        """Find the fields that the gateway acts on, and note what the form was before anything in it is replaced."""
        members = super().read_body()
        if members is not None and isinstance(self.form, Form):
            self.fingerprint = self.form.fingerprint(self.query)
        return members


def members_of(form: Form, names: tuple[str, ...]) -> Members | Refused:
    """Return fields of a form as members of a JSON object; those that are not there are left out."""
    found: Members = {}
    for name in names:
        text = form.text(name)
        if isinstance(text, Refused):
            return text
        if text is None:
            continue
        value = msgspec.json.encode(text)
        if name == "stream":
            value = _WORDS.get(text.lower(), value)
        elif name == "n" and text.isdecimal() and text.isascii():
            value = text.encode()
        found[name] = msgspec.Raw(value)
    return found


def _expected(operation: str, form: Form, members: Members, answers: int) -> Usage:
    files = form.files()
    text = sum(part.end - part.value for part in form.parts if not part.is_file)
    if operation in media_requests.TRANSCRIPTS:
        durations = [
            audio_length.duration_ms(
                form.body[part.value : min(part.end, part.value + audio_length.LOOKED_AT)],
                part.end - part.value,
            )
            for part in files
        ]
        return media_requests.of_recordings(durations, text=text)
    return media_requests.of_images(members, answers=answers, text=text, pictures=len(files))
