"""The file of prices that is shipped with the program."""

from importlib.resources import files

from keyturn.providers.price_table import PriceTable, parse


def load() -> PriceTable:
    """Read ``providers/prices.toml``; 15 ms, so once in the life of a process."""
    return parse(files("keyturn.providers").joinpath("prices.toml").read_text("utf-8"))
