"""What keys look like, in the words of other programs that look for leaked ones.

None of them can compute a checksum, so they also find what only looks like a key; ``keyturn scan`` tells the two apart.
"""

import json
from enum import StrEnum

from keyturn.domain import key_text
from keyturn.domain.leaks import PATTERN, PREFIXES

NAME = "Keyturn API key"
KEYWORDS = tuple(f"{prefix}-" for prefix in PREFIXES)


class Scheme(StrEnum):
    """Whose rules."""

    GITLEAKS = "gitleaks"
    TRUFFLEHOG = "trufflehog"
    GITHUB = "github"


def rules(scheme: Scheme) -> str:
    """Return rules in the format of a program, with a line end."""
    return {Scheme.GITLEAKS: _gitleaks, Scheme.TRUFFLEHOG: _trufflehog, Scheme.GITHUB: _github}[scheme]()


def _gitleaks() -> str:
    """Return a configuration file: TOML, patterns of Go's RE2."""
    examples = "\n".join(f"  '''{example}'''," for example in sorted(key_text.EXAMPLES))
    return f"""\
title = "Keyturn"

[extend]
useDefault = true

[[rules]]
id = "keyturn-api-key"
description = "{NAME}"
regex = '''(?:^|[^0-9A-Za-z])({PATTERN})(?:[^0-9A-Za-z]|$)'''
secretGroup = 1
entropy = 3
keywords = {json.dumps(KEYWORDS)}

[[rules.allowlists]]
description = "Published examples, which never work"
regexes = [
{examples}
]
"""


def _trufflehog() -> str:
    """Return a configuration file with a custom detector: YAML, patterns of Go's RE2."""
    keywords = "\n".join(f"      - {word}" for word in KEYWORDS)
    examples = "\n".join(f"      - '{example}'" for example in sorted(key_text.EXAMPLES))
    return f"""\
detectors:
  - name: {NAME}
    keywords:
{keywords}
    regex:
      key: '\\b({PATTERN})\\b'
    exclude_regexes_match:
{examples}
"""


def _github() -> str:
    """Return what goes into the form of a custom pattern, field by field: JSON, patterns of Hyperscan."""
    form = {
        "pattern_name": NAME,
        "secret_format": PATTERN,
        "before_secret": r"\A|[^0-9A-Za-z]",
        "after_secret": r"\z|[^0-9A-Za-z]",
        "must_not_match": sorted(key_text.EXAMPLES),
    }
    return json.dumps(form, indent=2) + "\n"
