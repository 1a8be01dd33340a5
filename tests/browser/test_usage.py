"""Usage: any dimension, any time, the same figures as everywhere."""

from playwright.sync_api import Page, expect

from fakes.dashboard import shoot
from support.node import Node


def test_what_was_used_is_found_by_clicking_through(page: Page, node: Node) -> None:
    """From all keys to one, from one to its models, and back."""
    key_id, secret = node.new_key("<b>loud</b> & long " + "n" * 120)
    for _ in range(3):
        assert node.chat(key=secret).status_code == 200
    assert node.chat().status_code == 200
    page.goto("/dashboard/usage")
    expect(page.locator("figure.drawn")).to_have_count(1)
    shoot(page, "usage")

    page.get_by_role("link", name="<b>loud</b>").click()

    expect(page.get_by_role("row", name="demo-chat")).to_contain_text("3")
    page.get_by_label("Figure").select_option("p95")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("figcaption")).to_have_text("Latency, 95 % of the requests")
    assert key_id in page.url
    shoot(page, "usage-key")
    page.get_by_role("link", name="remove this filter").click()
    expect(page.get_by_role("row", name="Total")).to_contain_text("4")
