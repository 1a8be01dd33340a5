"""Limits as people write them on the command line: ``requests/minute=60``, ``cost_usd/month:gpt-*=20.50``, ``concurrency=5``."""

from keyturn.domain.limits import Limit, Metric, Window, shown
from keyturn.domain.money import parse_typed_usd

EXAMPLES = "requests/minute=60, cost_usd/month=20.50, tokens/day:gpt-*=1000000 or concurrency=5"
WINDOWS = tuple(one for one in Window if one not in {Window.NONE, Window.CREDIT})
"""Those that somebody can write down."""


class BadLimitError(ValueError):
    """A text is no limit; its own text says what would be one."""


def parse_limit(text: str) -> Limit:
    """Read a limit as people write it: METRIC/WINDOW=MAX, with ``:MODEL`` before the equals sign for some models only.

    Whether the amount makes sense, ``limits.problem_with`` says.

    Raises:
        BadLimitError: It is none.
    """
    subject, equals, amount = text.rpartition("=")
    if not equals:
        raise BadLimitError(f"{text!r} is not METRIC/WINDOW=MAX; write {EXAMPLES}")
    of_what, colon, model = subject.partition(":")
    if colon and not model:
        raise BadLimitError(f"{text!r} names no model behind the colon; write {EXAMPLES}")
    name, _, span = of_what.strip().lower().partition("/")
    metric = next((one for one in Metric if one == name), None)
    if metric is None:
        raise BadLimitError(f"{name!r} can't be limited; a metric is one of {', '.join(Metric)}")
    return Limit(metric, _window(metric, span), _amount(metric, amount.strip(), text), model.strip())


def format_limit(limit: Limit) -> str:
    """Write a limit so that ``parse_limit`` reads it; shadow and raise are not part of it."""
    of_window = f"/{limit.window}" if limit.window else ""
    of_model = f":{limit.model}" if limit.model else ""
    return f"{limit.metric}{of_window}{of_model}={shown(limit.metric, limit.max)}"


def _window(metric: Metric, span: str) -> Window:
    if metric is Metric.CONCURRENCY:
        if span:
            raise BadLimitError("concurrency has no window; write concurrency=5")
        return Window.NONE
    window = next((one for one in WINDOWS if one == span), None)
    if window is None:
        what = f"{span!r} is no window" if span else f"{metric} needs a window"
        raise BadLimitError(f"{what}; write {metric}/WINDOW, one of {', '.join(WINDOWS)}")
    return window


def _amount(metric: Metric, amount: str, text: str) -> int:
    if metric is Metric.COST:
        try:
            return parse_typed_usd(amount.removeprefix("$"))
        except ValueError:
            problem = f"{text!r}: an amount is in dollars with at most nine decimals, such as 20.50"
            raise BadLimitError(problem) from None
    plain = amount.replace("_", "")
    if not plain.isascii() or not plain.isdigit():
        raise BadLimitError(f"{text!r}: how much is a whole number, such as 60 or 1_000_000")
    return int(plain)
