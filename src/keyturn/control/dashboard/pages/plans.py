"""Plans: what accounts may use, what they get, and whether they pay in advance."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath, QueryParameter

from keyturn.control.dashboard import fields
from keyturn.control.dashboard.guard import Form, for_, form_of, visitor_of
from keyturn.control.dashboard.lists import after, ways
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import granted
from keyturn.control.management import Managed
from keyturn.domain import ids
from keyturn.domain.limit_text import BadLimitError, format_limit, parse_limit
from keyturn.domain.limits import Limit, read_limits
from keyturn.domain.money import format_usd
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.plans import Plan, PlanMembers

PATH = "/dashboard/billing/plans"
SHOWN = 50
_LIST, _CREATE = ("GET", "/api/v1/plans"), ("POST", "/api/v1/plans")
_CHANGE, _DELETE = ("PATCH", "/api/v1/plans/{plan_id}"), ("DELETE", "/api/v1/plans/{plan_id}")


@get("/billing/plans", include_in_schema=False, opt=for_(_LIST))
async def plans_page(
    request: AnyRequest, management: Managed, cursor: Annotated[str, QueryParameter()] = ""
) -> Page:
    """List plans with how many accounts have each."""
    found, following = await management.plans.page("", cursor=after(cursor, ids.PLAN), limit=SHOWN)
    return render(
        request,
        "plans.html",
        title="Plans",
        section="billing",
        plans=[(one, limit_lines(one)) for one in found],
        **ways(request, cursor, following),
    )


@get("/billing/plans/new", include_in_schema=False, opt=for_(_CREATE))
async def new_plan_page(request: AnyRequest) -> Page:
    """Ask what a new plan is to be."""
    return _form(request, None, Form())


@post("/billing/plans/new", include_in_schema=False, opt=for_(_CREATE), status_code=200)
async def create_plan(request: AnyRequest, management: Managed) -> Page:
    """Make it."""
    form = form_of(request)
    members = plan_members(form)
    if isinstance(members, Refused):
        return _form(request, None, form, members)
    made = await management.plans.create(members, by=visitor_of(request).principal)
    if isinstance(made, Refused):
        return _form(request, None, form, made)
    return see(request, PATH, f"Plan {made.stored.name} is there; give it to an account on its page")


@get("/billing/plans/{plan_id:str}", include_in_schema=False, opt=for_(_CHANGE))
async def plan_page(request: AnyRequest, management: Managed, plan_id: FromPath[str]) -> Page:
    """Show a plan in a form."""
    plan = granted(await management.plans.show(plan_id))
    return _form(request, plan, as_form(plan))


@post("/billing/plans/{plan_id:str}", include_in_schema=False, opt=for_(_CHANGE), status_code=200)
async def change_plan(request: AnyRequest, management: Managed, plan_id: FromPath[str]) -> Page:
    """Change a plan for every account that has it, unless somebody else has meanwhile."""
    form = form_of(request)
    plan = granted(await management.plans.show(plan_id))
    members = plan_members(form)
    if isinstance(members, Refused):
        return _form(request, plan, form, members)
    changed = await management.plans.edit(
        plan_id, members, by=visitor_of(request).principal, if_match=form.text("version") or None
    )
    if isinstance(changed, Refused):
        return _form(request, plan, form, changed)
    return see(request, PATH, "In force now, on every worker")


@get("/billing/plans/{plan_id:str}/delete", include_in_schema=False, opt=for_(_DELETE, proof="delete a plan"))
async def delete_plan_page(request: AnyRequest, management: Managed, plan_id: FromPath[str]) -> Page:
    """Name what would be deleted, and ask."""
    plan = granted(await management.plans.show(plan_id))
    return render(request, "plan_delete.html", title="Delete a plan", section="billing", plan=plan)


@post(
    "/billing/plans/{plan_id:str}/delete",
    include_in_schema=False,
    opt=for_(_DELETE, proof="delete a plan"),
    status_code=200,
)
async def delete_plan(request: AnyRequest, management: Managed, plan_id: FromPath[str]) -> Page:
    """Delete a plan that no account has."""
    deleted = await management.plans.delete(plan_id, by=visitor_of(request).principal)
    if isinstance(deleted, Refused):
        return see(request, f"{PATH}/{plan_id}", deleted.text, failed=True)
    return see(request, PATH, f"Plan {deleted.stored.name} is gone")


HANDLERS = [
    plans_page,
    new_plan_page,
    create_plan,
    plan_page,
    change_plan,
    delete_plan_page,
    delete_plan,
]


def limit_lines(plan: Plan) -> list[str]:
    """Return the limits of a plan as people write them."""
    return [format_limit(one) for one in read_limits(plan.stored.limits)]


def plan_members(form: Form) -> PlanMembers | Refused:
    """Read what a plan is to be."""
    limits = limits_in(form.text("limits"))
    figures = (
        limits,
        fields.whole(form.text("tier"), "tier", 0),
        fields.dollars(form.text("trial_usd"), "trial_usd", empty=0),
        fields.whole(form.text("trial_days"), "trial_days", None),
        fields.dollars(form.text("monthly_usd"), "monthly_usd", empty=0),
    )
    for figure in figures:
        if isinstance(figure, Refused):
            return figure
    _, tier, trial, days, monthly = figures
    return msgspec.convert(
        {
            "name": form.text("name"),
            "description": form.text("description"),
            "tier": tier,
            "limits": limits,
            "prepaid": form.on("prepaid"),
            "trial_nano_usd": trial,
            "trial_days": days,
            "monthly_nano_usd": monthly,
        },
        PlanMembers,
    )


def limits_in(text: str) -> list[Limit] | Refused:
    """Read limits, one a line."""
    try:
        return [parse_limit(line.strip()) for line in text.splitlines() if line.strip()]
    except BadLimitError as error:
        return Refused(Reason.INVALID_MEMBER, str(error), "limits")


def as_form(plan: Plan) -> Form:
    """Return a plan as its form is filled with."""
    stored = plan.stored
    texts = {
        "name": stored.name,
        "description": stored.description,
        "tier": str(stored.tier),
        "limits": "\n".join(limit_lines(plan)),
        "prepaid": "on" if stored.prepaid else "",
        "trial_usd": format_usd(stored.trial_nano_usd) if stored.trial_nano_usd else "",
        "trial_days": str(stored.trial_days or ""),
        "monthly_usd": format_usd(stored.monthly_nano_usd) if stored.monthly_nano_usd else "",
    }
    return Form({name: [text] for name, text in texts.items()})


def _form(request: AnyRequest, plan: Plan | None, typed: Form, refused: Refused | None = None) -> Page:
    return render(
        request,
        "plan.html",
        title="New plan" if plan is None else plan.stored.name,
        section="billing",
        refused=refused,
        plan=plan,
        typed=typed,
    )
