"""What the form of the settings changes."""

from keyturn.config.reference import entries
from keyturn.control.dashboard.guard import Form
from keyturn.control.dashboard.pages.settings import choices, differing, fields
from keyturn.services.settings import Shown


def form(**fields: str) -> Form:
    """Fill in a form."""
    return Form({name: [text] for name, text in fields.items()})


def test_only_what_is_otherwise_is_changed() -> None:
    """A form that is sent as it was shown changes nothing; words are left for the use case to judge."""
    shown = [
        Shown("requests.kept_days", "``words``", 30, 30, "default", None),
        Shown("support.contact", "", "me", "", "default", None),
        Shown("auth.required", "", True, True, "default", None),
    ]

    assert differing(form(**{"requests.kept_days": "30", "support.contact": "me"}), shown) == {}
    assert differing(form(**{"requests.kept_days": "7"}), shown) == {"requests.kept_days": 7}
    assert differing(form(**{"requests.kept_days": "soon"}), shown) == {"requests.kept_days": "soon"}
    assert [one.path for one in fields(shown)] == ["requests.kept_days", "support.contact"]
    assert fields(shown, form(**{"support.contact": "typed"}))[1].value == "typed"
    assert choices(entries()["log.level"]) == ("debug", "info", "warning", "error")
    assert choices(entries()["requests.kept_days"]) == ()
