"""Paths of dialects whose clients are known here and whose models are not: the key is checked, then the answer is 404."""

from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway.admission import Admission
from keyturn.gateway.refused import shown


class Unserved(Admission):
    """One such request."""

    __slots__ = ()

    def admitted(self) -> None:
        """Answer."""
        path = shown(self.request.path.decode("latin-1"))
        message = f"No model is served at {path}; /v1/chat/completions serves them"
        self.refuse(Refused(Reason.PATH_NOT_FOUND, message), self.key.id)
