"""Top-level members of a body."""

import json
from pathlib import Path

import pytest

from keyturn.dialects import json_scan
from keyturn.domain.refusals import Reason, Refused

CASES = json.loads((Path(__file__).parents[2] / "data/json_cases.json").read_text())
BAD_REASONS = {Reason.INVALID_JSON, Reason.INVALID_MEMBER, Reason.DUPLICATE_MEMBER}


def members(body: bytes) -> json_scan.Members:
    """Cut a good body."""
    found = json_scan.members(body)
    assert not isinstance(found, Refused)
    return found


def refusal(body: bytes) -> Refused:
    """Cut a bad body."""
    found = json_scan.members(body)
    assert isinstance(found, Refused)
    return found


def bodies(kind: str) -> list[tuple[str, bytes]]:
    """Each case as it stands, and as the value of a member."""
    found = []
    for name, text in CASES[kind].items():
        raw = text.encode("latin-1")
        found += [(name, raw), (f"{name} inside", b'{"a":' + raw + b"}")]
    return found


@pytest.mark.parametrize(("name", "body"), bodies("y"), ids=lambda one: one if isinstance(one, str) else "")
def test_what_is_json_is_taken_if_it_is_an_object_without_duplicates(name: str, body: bytes) -> None:
    """Nothing that a provider would take is refused but what it may read in two ways."""
    value = json.loads(body)
    found = json_scan.members(body)

    if not isinstance(value, dict):
        assert found == Refused(Reason.INVALID_MEMBER, "The request body must be a JSON object")
    elif name.startswith("object_duplicated_key") and not name.endswith("inside"):
        assert isinstance(found, Refused)
        assert found.reason is Reason.DUPLICATE_MEMBER
    else:
        assert not isinstance(found, Refused)
        assert {member: json.loads(bytes(raw)) for member, raw in found.items()} == value


@pytest.mark.parametrize(("name", "body"), bodies("n"), ids=lambda one: one if isinstance(one, str) else "")
def test_what_is_no_json_is_refused(name: str, body: bytes) -> None:
    """A provider with a laxer parser could read something else than what was checked."""
    found = refusal(body)

    assert found.reason is Reason.INVALID_JSON or (
        not body.startswith(b"{") and found.reason is Reason.INVALID_MEMBER
    ), name


@pytest.mark.parametrize(("name", "body"), bodies("i"), ids=lambda one: one if isinstance(one, str) else "")
def test_what_may_be_json_or_not_is_taken_or_refused(name: str, body: bytes) -> None:
    """Never an exception."""
    found = json_scan.members(body)

    assert isinstance(found, dict) or found.reason in BAD_REASONS, name


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("inside", [b"%b", b'{"a":%b}'])
def test_a_body_that_is_nested_too_deeply_is_refused(opening: bytes, inside: bytes) -> None:
    """A hundred thousand brackets must not end the worker."""
    assert refusal(inside % (opening * 100_000)).reason in BAD_REASONS


def test_a_refusal_says_where_the_fault_is() -> None:
    """Whoever wrote the body by hand finds it."""
    assert refusal(b'{"a": 01}').text.startswith("The request body is not valid JSON at byte 7: ")
    assert refusal(b'{"a": "\xff"}') == Refused(
        Reason.INVALID_JSON, "The request body is not valid JSON at byte 7: it is not UTF-8"
    )


def test_a_body_that_breaks_off_is_refused_without_a_position() -> None:
    """The fault is that there is nothing."""
    assert refusal(b'{"a":') == Refused(
        Reason.INVALID_JSON, "The request body is not valid JSON: Input data was truncated"
    )


@pytest.mark.parametrize("raw", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"])
def test_a_value_that_is_not_utf8_is_refused(raw: bytes) -> None:
    """What is read of it later is text, and a provider may repair it into something else."""
    assert refusal(b'{"model":"%b"}' % raw).reason is Reason.INVALID_JSON


def test_text_beyond_ascii_passes() -> None:
    """Most of the world writes it."""
    body = '{"ключ":"значение","a":"\N{SNOWMAN}"}'.encode()

    assert bytes(members(body)["ключ"]) == '"значение"'.encode()


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a":12,"a":1}',
        b'{"a":1,"a":12}',
        b'{ "a" : 1 , "b" : 2 , "a" : 1 }',
        b'{"a":1,"b":2,"\\u0061":3}',
        b'{"\\u0061":1,"a":1}',
        b'{"a":{"a":1},"a":{"a":1}}',
        b'{"a":[1],"a":[1,2]}',
        b'{"a":1.5,"a":1}',
        b'{"a":"x","a":"xy"}',
        b'{"a":true ,"a":true}',
    ],
)
def test_a_member_that_comes_twice_is_refused(body: bytes) -> None:
    """We would check one and the provider might obey the other."""
    assert refusal(body) == Refused(Reason.DUPLICATE_MEMBER, "The request body has the member 'a' twice", "a")


def test_a_member_may_come_again_further_down() -> None:
    """Only the top level is ours to read."""
    assert set(members(b'{"a": {"a": 1}, "b": [{"a": 1, "a": 2}]}')) == {"a", "b"}


def test_an_empty_object_has_no_members() -> None:
    """White space or not."""
    assert members(b"{}") == members(b" {\n} ") == {}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"a","n":1}', b'{"model":"b","n":1}'),
        (b'{ "n" : 1 ,\n\t"model" : "a" }\n', b'{ "n" : 1 ,\n\t"model" : "b" }\n'),
        (b'{"\\u006dodel":"a"}', b'{"\\u006dodel":"b"}'),
        (b'{"n":"model","model":"model"}', b'{"n":"model","model":"b"}'),
        (b"{}", b'{"model":"b"}'),
        (b' {"n":1}', b' {"model":"b","n":1}'),
    ],
)
def test_a_value_is_replaced_and_nothing_else_is_touched(body: bytes, expected: bytes) -> None:
    """The provider gets every other byte as it was sent."""
    assert json_scan.replace(body, members(body), "model", b'"b"') == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"api_key":"k"}', b"{}"),
        (b'{"api_key":"k","n":1}', b'{"n":1}'),
        (b'{"n":1,"api_key":"k"}', b'{"n":1}'),
        (b'{"n":1,"api_key":"k","m":2}', b'{"n":1,"m":2}'),
        (b'{ "n" : 1 ,\n  "api_key" : "k"\n}', b'{ "n" : 1 \n}'),
        (b'{ "api_key" : "k" ,\n  "n" : 1 }', b'{ "n" : 1 }'),
    ],
)
def test_a_member_is_removed_with_its_comma(body: bytes, expected: bytes) -> None:
    """A key in the body never reaches the provider."""
    assert json_scan.remove(body, members(body), "api_key") == expected


def test_members_of_another_body_are_not_spliced() -> None:
    """Cutting at the wrong place would be worse than stopping."""
    found = members(b'{"a":1}')

    with pytest.raises(TypeError, match="duplicate"):
        json_scan.replace(b'{"a":1,"a":1}', found, "a", b"2")
    with pytest.raises(AssertionError, match="lost its way"):
        json_scan.locate(b"{1}", found)
