from keyturn.control.dashboard.guard import Form
from keyturn.control.dashboard.pages import playground
from keyturn.domain.key_text import Kind
from keyturn.domain.permissions import Permission
from keyturn.domain.refusals import Refused
from keyturn.domain.roles import Person, Role

ORIGIN = "https://keyturn.example.com"
PROJECTS = [("proj_a", "A", True), ("proj_b", "B", False)]
KIM = Person("user_kim", "acct_1", Role.ADMIN, first_account=True)


def test_the_key_of_the_playground_opens_little_and_not_for_long() -> None:
    """It is in a browser: for pages of this origin, for calls of models, for an hour; a member's is their own."""
    own = playground.key_for(KIM, Form({"project": ["proj_a"]}), PROJECTS, ORIGIN)
    service = playground.key_for(KIM, Form({"project": ["proj_b"]}), PROJECTS, ORIGIN)
    foreign = playground.key_for(KIM, Form({"project": ["proj_c"]}), PROJECTS, ORIGIN)

    assert not isinstance(own, Refused)
    assert own.kind is Kind.PUBLISHABLE
    assert own.permissions == frozenset({Permission.READ})
    assert own.origins == (ORIGIN,)
    assert own.user == KIM.id
    assert not isinstance(service, Refused)
    assert service.user == ""
    assert isinstance(foreign, Refused)
