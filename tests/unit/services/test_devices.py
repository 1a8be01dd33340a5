"""Browsers in which somebody has signed in before."""

import pytest

from keyturn.services.devices import Devices
from keyturn.store.vault import Vault


def test_a_browser_is_known_again_for_the_person_who_signed_in(vault: Vault) -> None:
    """However they write their address, and after the node has made another pepper; each browser is one of its own."""
    devices = Devices(vault)
    marks = [devices.mark("kim@example.com").reveal() for _ in range(2)]
    vault.rotate_pepper()

    numbers = {Devices(vault).known(mark, " Kim@Example.com") for mark in marks}

    assert numbers == {mark.partition(".")[0] for mark in marks}
    assert len(numbers) == 2


@pytest.mark.parametrize(
    "mark", ["", ".", "a", "a.b", "é.é", "a.\udcff", "{number}.", ".{made}", "{number}x.{made}"]
)
def test_a_mark_that_this_node_did_not_make_is_none(vault: Vault, mark: str) -> None:
    """Or whoever guesses would have five more tries for each that they make up."""
    devices = Devices(vault)
    number, _, made = devices.mark("kim@example.com").reveal().partition(".")

    assert devices.known(mark.format(number=number, made=made), "kim@example.com") == ""


def test_a_mark_is_of_no_use_for_somebody_else(vault: Vault) -> None:
    """Everybody could make one for themselves and guess at others with it."""
    devices = Devices(vault)
    mark = devices.mark("kim@example.com").reveal()

    assert devices.known(mark, "ada@example.com") == ""
