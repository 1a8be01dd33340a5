"""What is wrong with text that can't be a key: said without a look-up, and without a word of what was sent.

Every hint is one of ``HINTS``, so none can echo. The order decides: what can be put right by taking something away
comes first, then what was meant as a stand-in, then other people's keys.
"""

import re
from collections.abc import Callable

FOREIGN_MARK = "T3BlbkFJ"
"""What marks an OpenAI key."""
PREFIXES = ("sk-", "pk-", "ak-", "ck-", "cs-", "tk-")
RANDOM_AND_CHECKSUM = 32

EXAMPLE = "this key is a published example"
WRAPPED = "quotes or white space around the key"
BRACKETED = "brackets around the key"
ENDED = "a semicolon or comma behind the key"
BROKEN = "white space or a line break inside the key"
WORD = "a word such as Bearer stands before the key where the key alone belongs"
NAMED = "a name and an equals sign or colon stand before the key"
ENCODED = "the key is percent-encoded where it should not be"
LONGER = "something is attached to the end of the key, perhaps a second one"
NO_PREFIX = "missing prefix: sk- for secret keys, pk- for publishable ones, ak- for management keys"
NO_HYPHEN = "the prefix ends in a hyphen"
CAPITAL_PREFIX = "the prefix is written in small letters"
EMPTY = "there is no key: the variable it comes from may be empty"
UNEXPANDED = "this is the name of a variable, not its value: it was not expanded"
PLACEHOLDER = "this is a placeholder: put your key in its place"
DISPLAYED = "this is what is shown of a key, not the key; the key itself is shown once, when it is created"
IDENTIFIER = "this is the id of a key or another object, not its secret"
TOKEN = "looks like a JSON Web Token, not a key"  # noqa: S105 -- a hint
MISTYPED = "mistyped or cut short: the checksum does not match"
LIKE_OURS = "begins like a Keyturn key, but is longer than one or has characters that none has"
NOT_OURS = "not a Keyturn key: those begin with sk-"

_LONGEST = 1_000
"""Characters that are looked at; no key has more."""
_LIKELY_LENGTH = 3 + RANDOM_AND_CHECKSUM + 4
"""Longer is not mistyped."""

_VENDORS: tuple[tuple[str, str], ...] = (
    (rf".*{FOREIGN_MARK}", "an OpenAI"),
    (r"sk-(proj|svcacct|admin|None)-", "an OpenAI"),
    (r"sk-ant-", "an Anthropic"),
    (r"sk-or-", "an OpenRouter"),
    (r"(AIza|AQ\.Ab)", "a Google"),
    (r"gsk_", "a Groq"),
    (r"xai-", "an xAI"),
    (r"r8_", "a Replicate"),
    (r"hf_", "a Hugging Face"),
    (r"pplx-", "a Perplexity"),
    (r"nvapi-", "an NVIDIA"),
    (r"fw_", "a Fireworks"),
    (r"csk-", "a Cerebras"),
    (r"tgp_v1_", "a Together"),
    (r"(AKIA|ASIA)[0-9A-Z]{8}", "an AWS"),
    (r"(bedrock-api-key-|ABSK)", "an AWS"),
    (r"[srp]k_(live|test)_", "a Stripe"),
    (r"(gh[pousr]_|github_pat_)", "a GitHub"),
    (r"xox[abeoprs]-", "a Slack"),
)
_OTHERS = tuple((re.compile(pattern, re.DOTALL), f"looks like {vendor} key") for pattern, vendor in _VENDORS)

HINTS = frozenset(
    {
        *(EXAMPLE, WRAPPED, BRACKETED, ENDED, BROKEN, WORD, NAMED, ENCODED, LONGER, NO_PREFIX, NO_HYPHEN),
        *(
            CAPITAL_PREFIX,
            EMPTY,
            UNEXPANDED,
            PLACEHOLDER,
            DISPLAYED,
            IDENTIFIER,
            TOKEN,
            MISTYPED,
            LIKE_OURS,
            NOT_OURS,
        ),
        *(hint for _, hint in _OTHERS),
    }
)
"""Everything that is ever said."""

_AROUND = " \t\r\n\f\v\0\"'`\u00a0\u200b\ufeff\u201c\u201d\u2018\u2019"
_SPACES = re.compile(r"(\s|\\[nrt])+")
_WORD = re.compile(r"^((bearer|basic|token|apikey|api-key|key)[\s:,]+)+", re.IGNORECASE)
_NAME = re.compile(r"\A(export\s+|set\s+)?[A-Za-z_][A-Za-z0-9_-]{0,63}\s*[=:]\s*")
_VARIABLE = re.compile(
    r"\$\{?[A-Za-z_]\w*\}?|\$\(.*\)|\$\{\{.*\}\}|%[A-Za-z_]\w*%|\$?\{\{?.*\}\}?|\$env:\w+|process\.env\.\w+"
    r"|os\.environ.*|[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_(KEY|TOKEN|SECRET)",
    re.DOTALL,
)
_STAND_IN = re.compile(
    r"<.*>|\[.*\]|\*+|([sp]k-|ak-)?([xX]{3,}|\.{2,}|\u2026|\*{3,}).*|undefined|null|none|nil|test|dummy|changeme|secret|"
    r"(sk-|pk-|ak-)?(your|my|insert|enter|replace|put|some)([-_ ].*|key|apikey)|(sk-|pk-|ak-)?(api|secret)?[-_ ]?key([-_ ]here)?|"
    r"(sk-|pk-|ak-)",
    re.IGNORECASE | re.DOTALL,
)
_SHOWN = re.compile(r"(sk|pk|ak|ck|cs|tk)-[0-9A-Za-z]{4}(\u2026|\.{2,3}|\*+)")
_ID = re.compile(r"(key|sec|proj|acct|user|req|task|evt|whk)_[0-9A-Za-z]{20}")
_JWT = re.compile(r"eyJ[\w-]*\.[\w-]*\.[\w-]*")
_SHAPE = re.compile(r"(sk|pk|ak|ck|cs|tk)-[0-9A-Za-z]{32}")
_PLAIN = re.compile(r"[0-9A-Za-z]*")
_YOUR = re.compile(r"YOUR[_-]", re.IGNORECASE)


def hint(text: str, is_well_formed: Callable[[str], bool]) -> str:
    """Say what is wrong with ``text``, which is not well formed.

    Args:
        text: As it was presented.
        is_well_formed: Says whether a text is a key of ours.
    """
    if _SHAPE.fullmatch(text) is not None and FOREIGN_MARK not in text:
        return MISTYPED  # a guess, mostly: answered at once
    text = _as_typed(text[:_LONGEST])
    bare = text.strip(_AROUND)
    return (
        _around(text, is_well_formed)
        or _prefix(bare, is_well_formed)
        or _stand_in(bare)
        or _somebody_elses(bare)
        or _by_beginning(bare)
    )


def _as_typed(text: str) -> str:
    """Undo the reading of headers as Latin-1, where they were UTF-8: an ellipsis is three characters then."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _by_beginning(text: str) -> str:
    if not text.startswith(PREFIXES):
        return NOT_OURS
    return MISTYPED if len(text) <= _LIKELY_LENGTH and _PLAIN.fullmatch(text, 3) is not None else LIKE_OURS


def _around(text: str, is_well_formed: Callable[[str], bool]) -> str | None:
    """Look for a good key inside of the text."""
    bare = text.strip(_AROUND)
    without_word = _WORD.sub("", bare).strip(_AROUND)
    attempts = (
        (bare, WRAPPED),
        (_SPACES.sub("", text).strip(_AROUND), BROKEN if _SPACES.search(bare) else WRAPPED),
        (bare.rstrip(";, \t\r\n\"'").lstrip("\"'"), ENDED),
        (without_word.rstrip(";,"), WORD),
        (_NAME.sub("", bare, count=1).strip(_AROUND + ";,"), NAMED),
        (bare.strip("<>[](){}"), BRACKETED),
        (bare.replace("%2D", "-").replace("%2d", "-").replace("%0A", "").replace("%20", ""), ENCODED),
        (bare[: 3 + RANDOM_AND_CHECKSUM], LONGER),
    )
    return next((said for attempt, said in attempts if is_well_formed(attempt)), None)


def _prefix(text: str, is_well_formed: Callable[[str], bool]) -> str | None:
    """Look for a key whose prefix is missing or misspelt."""
    rest = text[-RANDOM_AND_CHECKSUM:]
    if not is_well_formed("sk-" + rest):
        return None
    before = text[:-RANDOM_AND_CHECKSUM]
    if not before:
        return NO_PREFIX
    if before + "-" in PREFIXES or (
        before[:2] + "-" in PREFIXES and before[2:] in {"_", "\u2013", "--", " "}
    ):
        return NO_HYPHEN
    return CAPITAL_PREFIX if before.lower() in PREFIXES else NO_PREFIX


def _stand_in(text: str) -> str | None:
    """Recognise what stands where a key should be."""
    if not text or text.lower() in {"bearer", "basic"}:
        return EMPTY
    if _SHOWN.fullmatch(text) is not None:
        return DISPLAYED
    if _ID.fullmatch(text) is not None:
        return IDENTIFIER
    if _STAND_IN.fullmatch(text) is not None or _YOUR.match(text) is not None:
        return PLACEHOLDER
    return UNEXPANDED if _VARIABLE.fullmatch(text) is not None else None


def _somebody_elses(text: str) -> str | None:
    """Recognise other people's keys by how they begin."""
    found = next((said for pattern, said in _OTHERS if pattern.match(text) is not None), None)
    return found or (TOKEN if _JWT.fullmatch(text) is not None else None)
