"""Pages that show a secret: a rotated one, or a recoverable one once more; and how any secret is shown.

Each is the answer to a form, so that the secret stands in no address, and a page that is loaded again shows nothing.
"""

from litestar import get, post

from keyturn import system
from keyturn.control.dashboard import fields, key_samples
from keyturn.control.dashboard.guard import for_, form_of, visitor_of
from keyturn.control.dashboard.key_forms import at_field
from keyturn.control.dashboard.key_samples import Use
from keyturn.control.dashboard.once import in_words, new_nonce, once
from keyturn.control.dashboard.pages.keys import KEYS, KeyId, checked_id, display_of
from keyturn.control.dashboard.shell import AnyRequest, Page, render, see
from keyturn.control.errors import granted
from keyturn.control.handover import base_url, claim_object
from keyturn.control.management import Managed, Management
from keyturn.control.visitors import own_origin
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import SecretState, secret_state
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.rotation import Delivery
from keyturn.domain.secret import Secret
from keyturn.services.claims import LONGEST_TTL_S, Claim
from keyturn.services.key_checks import LONGEST_OVERLAP_HOURS
from keyturn.services.keys import Key
from keyturn.services.reveal import Proof
from keyturn.services.rotation import Successor, Wish

ROTATE = ("POST", "/api/v1/keys/{key_id}/rotate")
REVEAL = ("POST", "/api/v1/keys/{key_id}/reveal")
DAY = "86400"
"""What forms propose for a link: whoever it is for may read it tomorrow."""
LINK_LIVES = (("300", "5 minutes"), ("3600", "an hour"), (DAY, "a day"), (str(LONGEST_TTL_S), "7 days"))
SHOWN_BEFORE = "This form was sent before and did its work then; its secret was shown once. If nobody has it, rotate the key"

Made = Secret | Claim | str
"""How a secret is handed over: in the clear, by a link that works once, or sealed to a key of the holder's."""


async def show_secret(
    request: AnyRequest,
    management: Management,
    key: Key,
    made: Made,
    *,
    title: str,
    created: bool = False,
    overlap_hours: int | None = None,
    written_to: str = "",
) -> Page:
    """Answer with a secret, and how it is used.

    Args:
        request: What is answered.
        management: Knows models.
        key: Whose secret it is.
        made: The secret, or what stands for it.
        title: Of the page.
        created: The key is new.
        overlap_hours: How long the secret before it works after its first use; ``None``: there is none before it.
        written_to: The file that has it now, instead.
    """
    samples, link = [], None
    if isinstance(made, Secret):
        names = [one.stored.name for one in await management.models.everything()]
        use = Use(
            own_origin(request.headers),
            made.reveal(),
            Kind(key.stored.kind),
            key_samples.model_for(key.stored, names),
        )
        samples = key_samples.samples(use)
    elif isinstance(made, Claim):
        link = claim_object(made, base_url(request, management.settings.server)).url
    return render(
        request,
        "keys/secret.html",
        title=title,
        section="keys",
        status=201 if created else 200,
        key=key.stored,
        display=display_of(key),
        secret=made.reveal() if isinstance(made, Secret) else "",
        samples=samples,
        link=link,
        link_ends=made.expires_at_ms if isinstance(made, Claim) else None,
        sealed=made if isinstance(made, str) else "",
        overlap=overlap_hours,
        written_to=written_to,
    )


@get("/keys/{key_id:str}/rotate", include_in_schema=False, opt=for_(ROTATE))
async def rotate_page(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Ask how a key is to be rotated."""
    key = granted(await management.keys.show(checked_id(key_id), by=visitor_of(request).principal))
    return _rotate_form(request, key, {"overlap_hours": str(key.stored.overlap_hours)})


@post("/keys/{key_id:str}/rotate", include_in_schema=False, opt=for_(ROTATE), status_code=200)
async def rotate(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Give a key a new secret, and show it."""
    visitor, form = visitor_of(request), form_of(request)
    key = granted(await management.keys.show(checked_id(key_id), by=visitor.principal))
    typed = {name: form.text(name) for name in ("overlap_hours", "revoke_old", "delivery", "link_s")}
    wish = read_wish(typed)
    if isinstance(wish, Refused):
        return _rotate_form(request, key, typed, wish)
    path = f"{KEYS}/{key_id}/rotate"
    async with once(management, form, caller=visitor.person.id, path=path, made=rotated) as attempt:
        if attempt.before:
            return see(request, f"{KEYS}/{key_id}", SHOWN_BEFORE, failed=True)
        done = attempt.refused or await management.rotation.rotate(key_id, wish, by=visitor.principal)
        if isinstance(done, Successor):
            attempt.made = key_id
    if isinstance(done, Refused):
        return _rotate_form(request, key, typed, sent_otherwise(done))
    return await show_secret(
        request,
        management,
        done.key,
        done.secret or done.claim or done.sealed or "",
        title="New secret",
        overlap_hours=_overlap(done, wish),
        written_to=done.written_to or "",
    )


@get(
    "/keys/{key_id:str}/reveal", include_in_schema=False, opt=for_(REVEAL, proof="reveal the secret of a key")
)
async def reveal_page(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Ask whether the secret is really to be shown."""
    key = granted(await management.keys.show(checked_id(key_id), by=visitor_of(request).principal))
    return render(
        request,
        "keys/reveal.html",
        title="Reveal the secret",
        section="keys",
        key=key.stored,
        display=display_of(key),
    )


@post(
    "/keys/{key_id:str}/reveal",
    include_in_schema=False,
    opt=for_(REVEAL, proof="reveal the secret of a key"),
    status_code=200,
)
async def reveal(request: AnyRequest, management: Managed, key_id: KeyId) -> Page:
    """Show the secret of a recoverable key once more; the audit log says so."""
    by = visitor_of(request).principal
    key = granted(await management.keys.show(checked_id(key_id), by=by))
    # Who has signed in has shown that it is them: the guard asks for that. The name is for callers without a session.
    shown = granted(await management.reveal.reveal(key_id, Proof(confirm=key.stored.name), by=by))
    return await show_secret(request, management, key, shown.secret, title="Secret")


HANDLERS = [rotate_page, rotate, reveal_page, reveal]


def read_wish(typed: dict[str, str]) -> Wish | Refused:
    """Return how a key is to be rotated."""
    hours = fields.whole(typed["overlap_hours"], "overlap_hours", None)
    if isinstance(hours, Refused):
        return hours
    if hours is not None and hours > LONGEST_OVERLAP_HOURS:
        return Refused(Reason.INVALID_MEMBER, f"At most {LONGEST_OVERLAP_HOURS} hours", "overlap_hours")
    by_link = typed["delivery"] == "link"
    return Wish(
        overlap_hours=hours,
        revoke_old=bool(typed["revoke_old"]),
        delivery=Delivery.CLAIM if by_link else None,
        ttl_s=link_life(typed["link_s"]),
    )


def link_life(given: str) -> int:
    """Return how long a link works, in seconds: one of ``LINK_LIVES``, the shortest unless said."""
    return next((int(life) for life, _ in LINK_LIVES if life == given), int(LINK_LIVES[0][0]))


def _overlap(done: Successor, wish: Wish) -> int:
    if wish.at_once:
        return 0
    return done.key.stored.overlap_hours if wish.overlap_hours is None else wish.overlap_hours


def rotated(result: object) -> str:
    """Return the identifier of a rotated key."""
    return result.key.stored.id if isinstance(result, Successor) else ""


def sent_otherwise(refused: Refused) -> Refused:
    """Return what to say about a form that was sent before, with something else in it or a moment ago."""
    return at_field(in_words(refused))


def _rotate_form(
    request: AnyRequest, key: Key, typed: dict[str, str], refused: Refused | None = None
) -> Page:
    now_ms = system.now_ms()
    waiting = [one for one in key.secrets if secret_state(one.life(), now_ms) is SecretState.PENDING]
    return render(
        request,
        "keys/rotate.html",
        title="Rotate the key",
        section="keys",
        refused=refused,
        key=key.stored,
        display=display_of(key),
        waiting=waiting[-1].display if waiting else "",
        typed={"revoke_old": "", "delivery": "", "link_s": DAY, **typed},
        lives=LINK_LIVES,
        nonce=new_nonce(),
    )
