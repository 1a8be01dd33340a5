"""Would this call be allowed? Asked of one key, answered check by check; nothing is sent, counted or remembered."""

from zoneinfo import ZoneInfo

from litestar import get, post

from keyturn.control.dashboard import fields
from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.key_forms import Texts, at_field, texts_in
from keyturn.control.dashboard.pages.key_page import frame
from keyturn.control.dashboard.pages.keys import KeyId, checked_id
from keyturn.control.dashboard.shell import AnyRequest, Page, render
from keyturn.control.errors import RefusedError, granted
from keyturn.control.management import Managed
from keyturn.control.resources.simulate import Place, SimulateRequest, question_of
from keyturn.domain.refusals import Refused
from keyturn.services.keys import Key
from keyturn.services.simulate import Question, Verdict

SIMULATE = ("POST", "/api/v1/keys/{key_id}/simulate")
FIELDS = ("path", "model", "ip", "origin", "location", "at")
_USUAL = {"path": "/v1/chat/completions", "location": "header"}


@get("/keys/{key_id:str}/simulate", include_in_schema=False, opt=for_(SIMULATE))
async def simulate_page(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Ask which request is meant."""
    key = granted(await management.keys.show(checked_id(key_id), by=visitor_of(request).principal))
    return _answer(request, key, {**dict.fromkeys(FIELDS, ""), **_USUAL})


@post("/keys/{key_id:str}/simulate", include_in_schema=False, opt=for_(SIMULATE), status_code=200)
async def simulate(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Say what would happen."""
    visitor = visitor_of(request)
    key = granted(await management.keys.show(checked_id(key_id), by=visitor.principal))
    typed = texts_in(form_of(request).fields, FIELDS)
    asked = read_question(typed, ZoneInfo(visitor.signed_in.time_zone))
    if isinstance(asked, Refused):
        return _answer(request, key, typed, refused=asked)
    found = await management.simulation.run(key_id, asked, by=visitor.principal)
    if isinstance(found, Refused):
        return _answer(request, key, typed, refused=found)
    return _answer(request, key, typed, verdict=found)


HANDLERS = [simulate_page, simulate]


def read_question(typed: Texts, zone: ZoneInfo) -> Question | Refused:
    """Return the request that is meant; times are in ``zone``."""
    try:
        return question_of(
            SimulateRequest(
                path=typed["path"] or _USUAL["path"],
                model=typed["model"],
                ip=typed["ip"],
                origin=typed["origin"],
                location=next((one for one in Place if one == typed["location"]), Place.HEADER),
                at=granted(fields.moment(typed["at"], "at", zone)),
            )
        )
    except RefusedError as error:
        return at_field(error.refused)


def _answer(
    request: AnyRequest,
    key: Key,
    typed: Texts,
    *,
    refused: Refused | None = None,
    verdict: Verdict | None = None,
) -> Page:
    visitor = visitor_of(request)
    return render(
        request,
        "keys/simulate.html",
        **frame(visitor, key, "simulate"),
        refused=refused,
        typed=typed,
        verdict=verdict,
        places=[one.value for one in Place],
        zone=visitor.signed_in.time_zone,
    )
