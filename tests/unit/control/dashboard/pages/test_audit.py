"""How the audit log shows what has changed."""

from keyturn.control.dashboard.pages.audit import Difference, differences


def test_differences_show_what_was_and_what_is() -> None:
    """Of something new, what it is; what somebody has meddled with is shown as it stands."""
    assert differences('{"a":1,"b":true,"c":"x"}', '{"a":2,"b":false,"c":"x"}') == [
        Difference("a", "1", "2"),
        Difference("b", "yes", "no"),
    ]
    assert differences("null", '{"name":"n","tags":[],"ip":["a","b"],"m":{}}') == [
        Difference("name", "", "n"),
        Difference("ip", "", "a, b"),
    ]
    assert differences('{"gone":null}', "null") == [Difference("gone", "none", "")]
    assert differences("{", "[1]") == [Difference("", "{", "[1]")]
