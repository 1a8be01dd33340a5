"""What a stream in a provider's own frames used: counted from what its events say, for the frames are padded."""

from keyturn.dialects import bedrock_converse
from keyturn.dialects.aws_event_stream import Splitter
from keyturn.domain.usage import Usage, tokens_in
from keyturn.gateway.meter import ESTIMATED, StreamMeter


class FrameMeter(StreamMeter):
    """Follows a stream of Amazon Bedrock's. What it says of its usage is read where it is translated."""

    __slots__ = ("_deltas", "_splitter", "_written")

    def __init__(self) -> None:
        super().__init__(lambda _head, _tail: None)
        self._splitter = Splitter()
        self._deltas = self._written = 0

    def take(self, pieces: list[bytes]) -> None:
        """Let pieces of the body go by; what is damaged is for whoever translates it to tell."""
        try:
            for piece in pieces:
                for event in self._splitter.take(piece):
                    written = bedrock_converse.written_by(event)
                    if written:
                        self._deltas += 1
                        self._written += written
        except ValueError:
            self._splitter = Splitter()

    @property
    def made(self) -> int:
        """How many output tokens have gone by."""
        return max(self._deltas, tokens_in(self._written))

    def usage(self, request_length: int, *, whole: bool) -> tuple[Usage, str]:
        """Say what the stream used, as far as it can be told from the outside."""
        del whole
        return Usage(tokens_in(request_length), self.made), ESTIMATED
