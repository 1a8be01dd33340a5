"""Pages that change without being loaded anew: the address, what is shown and what is said belong together."""

from playwright.sync_api import Page, expect


def test_a_window_that_is_widened_closes_the_menu_of_a_narrow_one(page: Page) -> None:
    """A telephone is turned; a page on which nothing can be clicked looks broken."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/dashboard/keys")
    page.get_by_role("button", name="Pages").click()
    expect(page.locator(".column")).to_have_attribute("inert", "")

    page.set_viewport_size({"width": 1280, "height": 800})

    expect(page.locator("[inert]")).to_have_count(0)
    page.get_by_label("Search").click()
    expect(page.get_by_label("Search")).to_be_focused()
