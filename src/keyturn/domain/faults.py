"""Every way Keyturn or something it depends on fails. A fault is an exception; a refusal is not."""

from keyturn.domain.refusals import Reason


class Fault(Exception):
    """We or a dependency could not; ``reason`` says what the caller is told."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """Say what failed.

        Args:
            reason: One of the reasons that are not the caller's doing.
            detail: For the operator's log; never holds a secret.
        """
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
