"""Forms about models, upstreams and prices, read into what the management API takes. Fields have the names of its members."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from keyturn.control.dashboard import fields
from keyturn.control.dashboard.guard import Form
from keyturn.control.resources.models import ChangeModel, CreateModel
from keyturn.control.resources.prices import CreatePrice
from keyturn.control.resources.upstreams import ChangeUpstream, CreateUpstream
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason, Refused
from keyturn.providers.catalog import PROVIDERS
from keyturn.services.targets import MOST_TARGETS
from keyturn.store.models import StoredModel

FIGURES = (
    ("input_usd_per_million", "Input", "per million tokens"),
    ("output_usd_per_million", "Output", "per million tokens"),
    ("cached_input_usd_per_million", "Cached input", "per million tokens; empty: as other input"),
    ("cache_write_usd_per_million", "Cache write", "per million tokens; empty: as other input"),
    ("reasoning_usd_per_million", "Reasoning", "per million tokens; empty: as other output"),
    ("image_usd", "Image", "each"),
    ("second_usd", "Audio", "per second"),
    ("characters_usd_per_million", "Speech", "per million characters"),
)
"""Member, label and unit of each figure of a price."""
MEDIA = (
    ("image_nano_usd", "an image"),
    ("second_nano_usd", "a second of audio"),
    ("million_characters_nano_usd", "a million characters"),
)
"""Members of ``domain.prices.Price`` that are not by the token, and what each is the price of."""
MOST_KEYS = 5
"""Credentials that the form for them has fields for."""


class TargetRow(msgspec.Struct, frozen=True):
    """A target as it is typed."""

    upstream: str = ""
    model: str = ""
    weight: str = ""
    priority: str = ""
    stream: str = ""
    """``yes``, ``no``, or empty: both."""
    operations: str = ""
    min_input_tokens: str = ""
    max_input_tokens: str = ""
    projects: str = ""
    environments: str = ""

    @property
    def conditional(self) -> bool:
        """Say whether it takes only some requests."""
        return any(getattr(self, name) for name in self.__struct_fields__[4:])

    @property
    def said(self) -> bool:
        """Say whether anything but what is there by itself was typed."""
        return any(
            getattr(self, name) for name in self.__struct_fields__ if name not in {"weight", "priority"}
        )


def rows_of(form: Form) -> list[TargetRow]:
    """Return the targets of a form without the rows that were left empty."""
    rows = [
        TargetRow(*(form.text(f"targets[{index}].{name}") for name in TargetRow.__struct_fields__))
        for index in range(MOST_TARGETS)
    ]
    return [row for row in rows if row.said]


def rows_for(model: StoredModel) -> list[TargetRow]:
    """Return a model's targets as they would have been typed."""
    return [
        TargetRow(
            one.upstream,
            one.model,
            str(one.terms.weight),
            str(one.terms.priority),
            {None: "", True: "yes", False: "no"}[one.terms.when.stream],
            ", ".join(one.terms.when.operations),
            str(one.terms.when.min_input_tokens or ""),
            str(one.terms.when.max_input_tokens or ""),
            ", ".join(one.terms.when.projects),
            ", ".join(one.terms.when.environments),
        )
        for one in model.all_targets
    ]


def new_model(form: Form) -> CreateModel | Refused:
    """Read the form of a new model; figures that were left empty are not said."""
    figures = _figures(form, [name for name, _, _ in FIGURES[:3]])
    if isinstance(figures, Refused):
        return figures
    return fields.shaped({"name": form.text("name"), "targets": _targets(form), **figures}, CreateModel)


def changed_model(form: Form) -> ChangeModel | Refused:
    """Read the form that says where a model goes."""
    return fields.shaped({"targets": _targets(form)}, ChangeModel)


def new_upstream(form: Form) -> CreateUpstream | Refused:
    """Read the form of a new upstream; a provider that lets nobody in without a credential is not tried without one."""
    said = {name: form.text(name) for name in ("name", "provider", "base_url")}
    key, keys = form.text("api_key"), [key.strip() for key in form.each("api_keys")]
    provider = PROVIDERS.get(said["provider"])
    # At an address of the operator's own, something may stand before it that adds the credential.
    if provider and not provider.local and said["base_url"] in {"", provider.base_url} and not (key or keys):
        message = f"{provider.title} asks for a key of yours; type it here"
        return Refused(Reason.INVALID_MEMBER, message, "api_key")
    return fields.shaped(
        {
            **said,
            "api_key": key or None,
            "api_keys": keys,
            "models": fields.words(form.raw("models")),
        },
        CreateUpstream,
    )


def changed_room(form: Form) -> ChangeUpstream | Refused:
    """Read what an upstream has room for; empty: as many as come."""
    return fields.shaped(
        {name: form.text(name) or "0" for name in ("max_concurrency", "requests_per_minute")}, ChangeUpstream
    )


def changed_credentials(form: Form) -> ChangeUpstream | Refused:
    """Read the credentials that take the place of all that were there."""
    typed = [form.text(f"api_keys[{index}]") for index in range(MOST_KEYS)]
    found = [one for one in typed if one]
    if not found and not form.on("none"):
        return Refused(
            Reason.INVALID_MEMBER, "Type the new credential, or say that it needs none", "api_keys[0]"
        )
    return fields.shaped({"api_keys": found}, ChangeUpstream)


def new_price(form: Form, zone: ZoneInfo) -> CreatePrice | Refused:
    """Read the form of a price.

    Args:
        form: Its ``effective_from`` is a local time; empty: now.
        zone: In which that is.
    """
    at = fields.moment(form.text("effective_from"), "effective_from", zone)
    if isinstance(at, Refused):
        return at
    figures = _figures(form, [name for name, _, _ in FIGURES])
    if isinstance(figures, Refused):
        return figures
    return fields.shaped(
        {**figures, "model": form.text("model"), "note": form.text("note"), "effective_from": at}, CreatePrice
    )


def _figures(form: Form, names: Iterable[str]) -> dict[str, str] | Refused:
    found: dict[str, str] = {}
    for name in names:
        if form.text(name):
            amount = fields.dollars(form.text(name), name)
            if isinstance(amount, Refused):
                return amount
            found[name] = format_usd(amount)
    return found


def _targets(form: Form) -> list[dict[str, Any]]:
    return [
        {
            "upstream": row.upstream,
            "model": row.model,
            "weight": row.weight or "1",
            "priority": row.priority or "0",
            "when": {
                "stream": {"yes": True, "no": False}.get(row.stream),
                "operations": fields.words(row.operations),
                "min_input_tokens": row.min_input_tokens or "0",
                "max_input_tokens": row.max_input_tokens or "0",
                "projects": fields.words(row.projects),
                "environments": fields.words(row.environments),
            },
        }
        for row in rows_of(form)
    ]
