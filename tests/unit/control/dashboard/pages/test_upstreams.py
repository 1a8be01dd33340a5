from keyturn.control.dashboard.pages import upstreams


def test_a_provider_is_found_by_name_and_by_address() -> None:
    """Whoever knows only where it is finds it, too."""
    assert "anthropic" in {one.id for one in upstreams.providers_like(" ANTHROPIC ")}
    assert {one.id for one in upstreams.providers_like("api.openai.com")} == {"openai"}
    assert upstreams.providers_like("nobody-of-that-name") == []
