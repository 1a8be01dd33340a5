"""What the demo upstream is called and serves, and the famous names that lead to it until a real provider has them."""

from keyturn.services.configuration import DEMO_URL
from keyturn.store.models import StoredModel
from keyturn.store.upstreams import COMPATIBLE, StoredUpstream

DEMO = "demo"
EMBEDDING = "demo-embed"
CHAT = "demo-chat"
MEDIA = ("demo-image", "demo-speech", "demo-transcribe", "demo-moderation")
MODELS = (
    *(CHAT, EMBEDDING, "echo", "echo-slow", "demo-503", "demo-slow", "demo-cut", "demo-no-usage", "demo-429"),
    *MEDIA,
)
UPSTREAMS = {DEMO: COMPATIBLE, "demo-anthropic": "anthropic", "demo-gemini": "gemini"}
"""One server by three names: which provider each stands for."""
TRANSLATED = {"demo-claude": "demo-anthropic", "demo-gemini": "demo-gemini"}
"""Models by the upstream that leads to them in another dialect than OpenAI's."""
ALIASES = ("gpt-4o", "gpt-4", "davinci-codex")


def demo_upstream(upstream_id: str, name: str, *, now_ms: int) -> StoredUpstream:
    """Return one of ``UPSTREAMS`` as it is stored."""
    return StoredUpstream(upstream_id, name, DEMO_URL, None, now_ms, UPSTREAMS[name])


def demo_models(*, now_ms: int) -> list[StoredModel]:
    """Return its models and aliases; what they cost stands in the table of shipped prices."""
    names = [(name, name) for name in MODELS] + [(alias, CHAT) for alias in ALIASES]
    own = [StoredModel(name, DEMO, target, now_ms) for name, target in names]
    return own + [StoredModel(name, upstream, name, now_ms) for name, upstream in TRANSLATED.items()]
