"""How text becomes a page."""

from keyturn.control.documentation import html


def test_text_is_escaped_before_its_marks_are_set() -> None:
    """What is quoted may come from anywhere."""
    template = html.environment().from_string("{{ text|prose }}")

    page = template.render(text="Use `a < b`.\n\nAnd <b>this</b>.")

    assert page == "<p>Use <code>a &lt; b</code>.</p><p>And &lt;b&gt;this&lt;/b&gt;.</p>"
