"""How things that lists name are shown."""

from keyturn.control.dashboard.entities import Entity, entity

KEY = "key_VbXhUyUBKUlzDND0IYtt"


def test_things_are_shown_by_name_with_their_page() -> None:
    """Parts of the program by what they are."""
    assert entity(KEY, {KEY: "app"}) == Entity(KEY, "app", f"/dashboard/keys/{KEY}")
    assert entity("operator", {}).name == "Operator at the machine"
    assert entity("key_<script>", {}) == Entity("key_<script>", "key_<script>")
    assert entity("first start", {}).href == ""
