"""What browsers call themselves."""

import pytest

from keyturn.control.dashboard.agents import describe

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("agent", "known"),
    [
        (CHROME, "Chrome on Windows"),
        (f"{CHROME} Edg/140.0", "Edge on Windows"),
        (SAFARI, "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("Firefox/1", "Firefox"),
        ("", "Unknown"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_browser_has_the_name_that_its_user_knows(agent: str, known: str) -> None:
    """Most say that they are several."""
    assert describe(agent) == known
