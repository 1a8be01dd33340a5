from keyturn.control.dashboard.model_forms import FIGURES
from keyturn.control.dashboard.model_views import figures_in, page_of
from keyturn.control.resources.prices import PriceObject


def test_a_list_goes_on_where_its_page_ended() -> None:
    """Ten thousand models come a hundred at a time, none twice and none left out."""
    names = [f"m{number:02}" for number in range(10)] + ["other"]

    first, after = page_of(names, "M", "", 6)
    second, end = page_of(names, "M", after, 6)

    assert first + second == sorted(names)[:10]
    assert end == ""
    assert page_of(names, "none", "", 6) == ([], "")


def test_a_table_of_prices_has_a_column_for_each_figure_that_somebody_has_said() -> None:
    """Most models cost nothing for images; a column of dashes says nothing."""
    prices = [
        PriceObject(model="a", id="prc_1", input_usd_per_million="1"),
        PriceObject(model="b", id="", image_usd="2"),
    ]

    assert [member for member, _, _ in figures_in(prices)] == [
        "input_usd_per_million",
        "output_usd_per_million",
        "image_usd",
    ]
    assert figures_in([]) == list(FIGURES[:2])
