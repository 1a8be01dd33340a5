"""The answers that clients are written against, as files that people read: ``python -m support.golden`` writes them.

A body stands there as a client sees it, with line breaks added for the reader.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from keyturn.dialects import envelope, openai_errors
from keyturn.domain.refusals import Reason, Refused
from support.refusals import RENDERINGS, ROWS, answer

FOLDER = Path(__file__).parents[1] / "data" / "golden"


def readable(whole: bytes) -> str:
    """Return an answer as it stands in its file: status line, headers, body with line breaks."""
    head, _, body = whole.partition(b"\r\n\r\n")
    lines = head.decode().replace("\r\n", "\n")
    return f"{lines}\n\n{msgspec.json.format(body, indent=2).decode()}\n"


def files() -> Iterator[tuple[Path, str]]:
    """Yield every file with what must stand in it."""
    for name, refused in ROWS.items():
        for rendering in RENDERINGS:
            yield FOLDER / "errors" / f"{name}.{rendering}.http", readable(answer(refused, rendering))
    for rendering, render in (("openai", openai_errors.render), ("envelope", envelope.render)):
        bodies = {reason.value: msgspec.json.decode(render(Refused(reason))) for reason in Reason}
        text = msgspec.json.format(msgspec.json.encode(bodies), indent=1).decode()
        yield FOLDER / f"errors_{rendering}.json", text + "\n"


def main() -> None:
    """Write them all."""
    for path, text in files():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    sys.stdout.write("Read the changes before you keep them: each is one that clients see.\n")


if __name__ == "__main__":
    main()
