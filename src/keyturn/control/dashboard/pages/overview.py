"""The first page: how the account is doing."""

from litestar import get

from keyturn.control.dashboard.guard import SIGNED_IN, for_
from keyturn.control.dashboard.shell import AnyRequest, Page, render


@get("/", include_in_schema=False, opt=for_(SIGNED_IN))
async def overview(request: AnyRequest) -> Page:
    """Show it."""
    return render(request, "overview.html", title="Overview", section="overview")


HANDLERS = [overview]
