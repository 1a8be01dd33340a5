"""Signatures, against those of AWS's own test suite for version 4."""

from datetime import UTC, datetime

import pytest

from keyturn.providers.aws_signature import Access, sign
from keyturn.providers.provider import ToSign

ACCESS = Access("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
AT = int(datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("method", "url", "signature"),
    [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("POST", "/?Param1=value1", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
        ("GET", "/\u1234", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ("GET", "/example space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
    ],
)
def test_the_published_vectors_come_out(method: str, url: str, signature: str) -> None:
    """get-vanilla, post-vanilla, the orders of the query, get-utf8 and get-space."""
    request = ToSign(method=method, url=f"https://example.amazonaws.com{url}", at=AT)

    signed = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )
    assert sign(request, ACCESS, region="us-east-1", service="service") == (
        ("x-amz-date", "20150830T123600Z"),
        ("authorization", signed),
    )


def test_a_lent_key_signs_its_token_too() -> None:
    """post-sts-header-before of the suite."""
    token = (
        "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8"
        "YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6f"
        "E8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj"
        "2ICCR/oLxBA=="
    )
    request = ToSign(url="https://example.amazonaws.com/", at=AT)

    added = dict(
        sign(request, Access(ACCESS.key_id, ACCESS.secret, token), region="us-east-1", service="service")
    )

    assert added["x-amz-security-token"] == token
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in added["authorization"]
    assert added["authorization"].endswith("85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead")


def test_body_place_and_moment_are_signed() -> None:
    """Else the signature of one request would do for another."""
    plain = ToSign(url="https://h.example/model/m%3A0/converse", body=b"{}", at=AT)
    others = [
        ToSign(url=plain.url, body=b"{ }", at=AT),
        ToSign(url="https://h.example/model/m:0/converse", body=b"{}", at=AT),
        ToSign(url=plain.url + "?a=+", body=b"{}", at=AT),
        ToSign(url=plain.url + "?a=%20", body=b"{}", at=AT),
        ToSign(url=plain.url, body=b"{}", at=AT + 1),
        ToSign(method="PUT", url=plain.url, body=b"{}", at=AT),
    ]

    found = [sign(one, ACCESS, region="r", service="s")[-1] for one in (plain, *others)]

    assert len(set(found)) == len(found)
    assert "Signature=" in found[0][1]
