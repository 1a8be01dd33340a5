from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest

from keyturn.control.dashboard import model_forms
from keyturn.control.dashboard.guard import Form
from keyturn.control.dashboard.model_forms import TargetRow
from keyturn.control.resources.models import CreateModel, TargetObject, WhenObject
from keyturn.domain.refusals import Refused
from keyturn.domain.routing import Terms, When
from keyturn.services.targets import MOST_TARGETS
from keyturn.store.models import StoredModel, StoredTarget

BERLIN = ZoneInfo("Europe/Berlin")


def _form(**fields: str) -> Form:
    return Form({name: [value] for name, value in fields.items()})


def _targets(*rows: dict[str, str], **more: str) -> Form:
    said = {
        f"targets[{index}].{name}": [value] for index, row in enumerate(rows) for name, value in row.items()
    }
    return Form(said | {name: [value] for name, value in more.items()})


def test_targets_are_read_in_order_and_empty_rows_left_out() -> None:
    """A form shows a row more than there are targets; nobody has to take it away."""
    form = _targets(
        {"upstream": "openai", "weight": "3"},
        {"upstream": "", "weight": "1", "priority": "0"},
        {
            "upstream": "lab",
            "model": "llama",
            "priority": "1",
            "stream": "no",
            "operations": "chat, embeddings",
        },
        name="fast",
        input_usd_per_million="0.15",
    )

    read = model_forms.new_model(form)

    assert read == CreateModel(
        name="fast",
        targets=[
            TargetObject("openai", weight=3),
            TargetObject(
                "lab", "llama", priority=1, when=WhenObject(stream=False, operations=["chat", "embeddings"])
            ),
        ],
        input_usd_per_million=Decimal("0.15"),
    )


def test_what_is_typed_of_a_model_is_what_was_stored_of_it() -> None:
    """To open the form and send it changes nothing."""
    when = When(True, ("chat",), 5, 10, ("proj_1",), ("production", "staging"))
    stored = StoredModel(
        "fast", "a", "m", 0, (StoredTarget("a", "m", Terms(2, 7, when)), StoredTarget("b", "n"))
    )

    rows = model_forms.rows_for(stored)
    fields = [{name: str(value) for name, value in msgspec.structs.asdict(row).items()} for row in rows]
    read = model_forms.changed_model(_targets(*fields))

    assert model_forms.rows_of(_targets(*fields)) == rows
    assert rows[0].conditional
    assert not rows[1].conditional
    assert not isinstance(read, Refused)
    assert isinstance(read.targets, list)
    assert read.targets[0].when == msgspec.convert(msgspec.to_builtins(when), WhenObject)
    assert read.targets[1] == TargetObject("b", "n")


def test_rows_beyond_the_most_are_not_read() -> None:
    """A form that somebody made up costs no more than one of ours."""
    rows = [{"upstream": f"u{number}"} for number in range(MOST_TARGETS + 5)]

    assert len(model_forms.rows_of(_targets(*rows))) == MOST_TARGETS


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"targets[0].upstream": "a", "targets[0].weight": "much"}, "targets[0].weight", "A whole number"),
        (
            {"targets[0].upstream": "a", "output_usd_per_million": "dear"},
            "output_usd_per_million",
            "An amount",
        ),
        ({"input_usd_per_million": "0,15"}, "input_usd_per_million", "An amount"),
    ],
)
def test_what_can_not_be_read_is_said_beside_its_field(
    fields: dict[str, str], param: str, message: str
) -> None:
    """In words for people, not for programs."""
    refused = model_forms.new_model(_form(name="x", **fields))

    assert isinstance(refused, Refused)
    assert refused.param == param
    assert refused.message.startswith(message)


def test_the_names_of_models_are_split_at_commas_blanks_and_lines() -> None:
    """Whatever somebody pastes."""
    read = model_forms.new_upstream(
        _form(name="lab", base_url="http://x", models="a, b\n c,,d ", api_key=" k ")
    )

    assert not isinstance(read, Refused)
    assert read.models == ["a", "b", "c", "d"]
    assert read.api_key == "k"
    assert model_forms.new_upstream(_form(name="lab")) != read


def test_a_provider_that_asks_for_a_credential_is_not_connected_without_one() -> None:
    """It would be told apart from a broken network by nobody; one's own server may ask for none."""
    openai = {"name": "openai", "provider": "openai", "base_url": "https://api.openai.com/v1"}
    refused = model_forms.new_upstream(_form(**openai, api_key=" "))

    assert isinstance(refused, Refused)
    assert refused.param == "api_key"
    assert refused.text.startswith("OpenAI asks for a key")
    for fine in (
        {**openai, "api_key": "sk-1"},
        {**openai, "base_url": "http://127.0.0.1:9/v1"},
        {"name": "ollama", "provider": "ollama", "base_url": "http://127.0.0.1:11434/v1"},
    ):
        assert not isinstance(model_forms.new_upstream(_form(**fine)), Refused)


def test_an_upstream_has_room_for_any_number_where_none_is_typed() -> None:
    """Empty is not zero requests."""
    read = model_forms.changed_room(_form(max_concurrency="8", requests_per_minute=""))

    assert not isinstance(read, Refused)
    assert (read.max_concurrency, read.requests_per_minute) == (8, 0)
    refused = model_forms.changed_room(_form(max_concurrency="-1"))
    assert isinstance(refused, Refused)
    assert refused.param == "max_concurrency"


def test_credentials_are_all_that_were_typed() -> None:
    """An empty field is no credential, and none at all has to be meant."""
    both = model_forms.changed_credentials(
        _form(**{"api_keys[0]": "one", "api_keys[1]": "", "api_keys[2]": "two"})
    )
    none = model_forms.changed_credentials(_form(none="on"))
    refused = model_forms.changed_credentials(_form())

    assert not isinstance(both, Refused)
    assert both.api_keys == ["one", "two"]
    assert not isinstance(none, Refused)
    assert none.api_keys == []
    assert isinstance(refused, Refused)


def test_the_time_of_a_price_is_that_of_the_account() -> None:
    """Midnight in Berlin is not midnight in London."""
    typed = _form(model="fast", input_usd_per_million="1", effective_from="2026-12-01T00:00", note="winter")

    read = model_forms.new_price(typed, BERLIN)

    assert not isinstance(read, Refused)
    assert read.effective_from is not None
    assert read.effective_from.astimezone(UTC) == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert read.note == "winter"
    now = model_forms.new_price(_form(model="fast"), BERLIN)
    assert not isinstance(now, Refused)
    assert now.effective_from is None
    assert isinstance(model_forms.new_price(_form(effective_from="soon"), BERLIN), Refused)


def test_a_row_is_empty_whatever_numbers_it_came_with() -> None:
    """The form fills weight and priority in by itself."""
    assert not TargetRow(weight="1", priority="0").said
    assert TargetRow(model="m").said
