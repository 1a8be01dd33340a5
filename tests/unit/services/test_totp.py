"""Codes of an app, against the vectors of the RFCs."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from keyturn.services import totp

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "totp.json").read_text())
DIGESTS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
SEED = totp.write_seed(VECTORS["totp_secrets"]["sha1"].encode())
NOW = 1_700_000_000


@pytest.mark.parametrize("vector", VECTORS["totp"], ids=lambda one: f"{one['alg']} at {one['time']}")
def test_the_codes_are_those_of_rfc_6238(vector: dict[str, Any]) -> None:
    """Appendix B; every app makes the same."""
    seed = totp.write_seed(VECTORS["totp_secrets"][vector["alg"]].encode())

    found = totp.matching_step(
        seed, vector["code"], vector["time"], digits=vector["digits"], digest=DIGESTS[vector["alg"]]
    )

    assert found == vector["time"] // 30


@pytest.mark.parametrize("vector", VECTORS["hotp"], ids=lambda one: str(one["counter"]))
def test_the_codes_of_a_step_are_those_of_rfc_4226(vector: dict[str, Any]) -> None:
    """Appendix D: the step of time is the counter."""
    assert totp.matching_step(SEED, vector["code"], vector["counter"] * 30) == vector["counter"]


def test_the_clock_may_be_wrong_by_one_step_and_no_more() -> None:
    """Thirty seconds before and after."""
    step = NOW // 30
    code = {n: _code(step + n) for n in range(-2, 3)}

    assert [totp.matching_step(SEED, code[n], NOW) for n in range(-2, 3)] == [
        None,
        step - 1,
        step,
        step + 1,
        None,
    ]


def test_no_code_counts_twice_nor_one_before_the_last() -> None:
    """RFC 6238 section 5.2: who looks over a shoulder has nothing."""
    step = NOW // 30

    assert totp.matching_step(SEED, _code(step), NOW, after=step - 1) == step
    assert totp.matching_step(SEED, _code(step), NOW, after=step) is None
    assert totp.matching_step(SEED, _code(step - 1), NOW, after=step) is None


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\udcff12345", "\0"])
def test_what_is_no_code_matches_nothing(typed: str) -> None:
    """And breaks nothing."""
    assert totp.matching_step(SEED, typed, NOW) is None


def test_the_address_for_the_picture_names_whom_it_is_for() -> None:
    """Apps show it in their list."""
    parts = urlsplit(totp.address(SEED, "kim+a@example.com"))

    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parse_qs(parts.query)["issuer"] == ["Keyturn"]
    assert parse_qs(parts.query)["secret"] == [SEED]


def _code(step: int) -> str:
    return pyotp.HOTP(SEED).at(step)
