"""Cookies, among those of others on the same host."""

import pytest
from litestar.datastructures import Headers

from keyturn.control import cookies


@pytest.mark.parametrize(
    "foreign", ['x={"a":"b"}', "pref=a b", "k[0]=1", "@x=1", "a/b=1", "lonely", "=nothing", "q=a=b"]
)
def test_what_another_program_sets_on_this_host_signs_nobody_out(foreign: str) -> None:
    """On localhost all ports share their cookies."""
    for header in (f"{foreign}; keyturn_session=abc", f"keyturn_session=abc; {foreign}"):
        assert cookies.read(Headers({"cookie": header}), cookies.SESSION) == "abc"


def test_over_tls_only_the_name_that_this_host_alone_can_set_counts() -> None:
    """A neighbour under the same domain could set the other."""
    headers = Headers({"cookie": "keyturn_session=theirs", "x-forwarded-proto": "https"})
    ours = Headers({"cookie": "__Host-keyturn_session=ours", "x-forwarded-proto": "https"})

    assert cookies.read(headers, cookies.SESSION) == ""
    assert cookies.read(ours, cookies.SESSION) == "ours"


def test_a_toast_comes_back_as_it_was_set() -> None:
    """However long it is, cut; and its undo leads nowhere else."""
    said = cookies.Toast(
        "Disabled \N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}app\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}; really",
        undo="/dashboard/keys/1/enable",
    )
    kept = cookies.toast(Headers({}), said)
    foreign = cookies.toast(Headers({}), cookies.Toast("Hello", undo="//evil.example"))

    assert cookies.read_toast(Headers({"cookie": f'x=1; {kept.key}="{kept.value}"'})) == said
    assert cookies.read_toast(Headers({"cookie": f"{foreign.key}={foreign.value}"})) == cookies.Toast("Hello")
    assert cookies.read_toast(Headers({"cookie": f"{foreign.key}=%%%"})) is None
