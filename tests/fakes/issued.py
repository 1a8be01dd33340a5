"""Keys issued and changed by the operator through the use cases, when a test wants no refusal."""

from msgspec import structs

from fakes.stored_keys import BY_OPERATOR
from keyturn.domain import verifier
from keyturn.domain.refusals import Refused
from keyturn.domain.secret import Secret
from keyturn.services.key_terms import NewKey, Terms
from keyturn.services.keys import Issued, Key, Keys
from keyturn.store.keys import KeyFilter

EVERY = KeyFilter()


def digest(secret: Secret) -> bytes:
    """Return what a worker asks with."""
    return verifier.digest(secret.reveal().encode())


async def issue(keys: Keys, name: str = "app", /, **members: object) -> Issued:
    """Issue a key that is not refused."""
    issued = await keys.create(structs.replace(NewKey(name=name), **members), by=BY_OPERATOR)
    assert isinstance(issued, Issued), issued
    return issued


async def found(keys: Keys, wanted: KeyFilter = EVERY) -> list[str]:
    """Return the names that a list gives."""
    listed = await keys.page(wanted, by=BY_OPERATOR, cursor=None, limit=100)
    assert not isinstance(listed, Refused), listed
    return [key.stored.name for key in listed[0]]


async def edit(keys: Keys, key: str, /, **members: object) -> Key:
    """Change a key and be granted it."""
    edited = await keys.edit(key, structs.replace(Terms(), **members), by=BY_OPERATOR)
    assert isinstance(edited, Key), edited
    return edited
