"""Browsers in which somebody has signed in before: their attempts are counted apart from everybody else's.

Otherwise five wrong passwords from anywhere would keep a person out of their own account. Nothing is stored: a browser keeps a
number with what only this node can have made of it and the person's address, and it opens nothing.

Source: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

import hmac

from keyturn import system
from keyturn.domain.secret import Secret
from keyturn.domain.verifier import digest
from keyturn.store.vault import Vault


class Devices:
    """Marks browsers, and knows them again."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def mark(self, email: str) -> Secret:
        """Return what a browser is to keep in which somebody has just signed in."""
        number = system.new_token().reveal()
        _, made = self._vault.verifier(_digest(email, number))
        return Secret(f"{number}.{made.hex()}")

    def known(self, mark: str, email: str) -> str:
        """Return the number of a browser in which the person with this address has signed in before, ``""`` of any other.

        Args:
            mark: What the browser keeps.
            email: Whom they say they are.
        """
        number, _, made = mark.partition(".")
        found = made.encode("utf-8", "surrogatepass")
        expected = self._vault.verifiers(_digest(email, number))
        return number if any(hmac.compare_digest(one.hex().encode(), found) for one in expected) else ""


def _digest(email: str, number: str) -> bytes:
    # No key has these bytes in it: what is made of them can stand for none.
    text = f"keyturn device\0{email.strip().lower()}\0{number}"
    return digest(text.encode("utf-8", "surrogatepass"))
