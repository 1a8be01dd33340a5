"""Structured fields (RFC 9651), as far as lists of items with parameters go: strictly, so that what passes is one."""

import re

Item = tuple[str, dict[str, int | str]]
"""A string, and its parameters."""

_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_BETWEEN = re.compile(r"[ \t]*,[ \t]*")


def read_list(text: str) -> list[Item]:
    """Return the items of a list of strings, each with its parameters, integers or strings.

    Raises:
        ValueError: It is not one, by the letter of section 4.2.
    """
    items, at = [], 0
    while True:
        name, at = _string(text, at)
        parameters: dict[str, int | str] = {}
        while text[at : at + 1] == ";":
            key = _KEY.match(text, at + 1)
            if key is None or text[key.end() : key.end() + 1] != "=" or key[0] in parameters:
                raise ValueError(f"no parameter at {at} of {text}")
            parameters[key[0]], at = _value(text, key.end() + 1)
        items.append((name, parameters))
        if at == len(text):
            return items
        between = _BETWEEN.match(text, at)
        if between is None:
            raise ValueError(f"no comma at {at} of {text}")
        at = between.end()


def _string(text: str, at: int) -> tuple[str, int]:
    found = _STRING.match(text, at)
    if found is None:
        raise ValueError(f"no string at {at} of {text}")
    return re.sub(r"\\(.)", r"\1", found[1]), found.end()


def _value(text: str, at: int) -> tuple[int | str, int]:
    if text[at : at + 1] == '"':
        return _string(text, at)
    found = _INTEGER.match(text, at)
    if found is None:
        raise ValueError(f"no value at {at} of {text}")
    return int(found[0]), found.end()
