"""What the demo upstream is called and serves, and the famous names that lead to it until a real provider has them."""

from keyturn.services.configuration import DEMO_URL
from keyturn.store.models import StoredModel
from keyturn.store.upstreams import StoredUpstream

DEMO = "demo"
EMBEDDING = "demo-embed"
CHAT = "demo-chat"
MODELS = (CHAT, EMBEDDING, "echo", "demo-503", "demo-slow", "demo-cut", "demo-no-usage", "demo-429")
ALIASES = ("gpt-4o", "gpt-4", "davinci-codex")


def demo_upstream(upstream_id: str, *, now_ms: int) -> StoredUpstream:
    """Return the upstream as it is stored."""
    return StoredUpstream(upstream_id, DEMO, DEMO_URL, None, now_ms)


def demo_models(*, now_ms: int) -> list[StoredModel]:
    """Return its models and aliases; what they cost stands in the table of shipped prices."""
    names = [(name, name) for name in MODELS] + [(alias, CHAT) for alias in ALIASES]
    return [StoredModel(name, DEMO, target, now_ms) for name, target in names]
