"""Azure OpenAI: OpenAI's dialect at an address of the operator's, in two generations.

The one of today takes the deployment's name as the model, under ``/openai/v1``. The one before it has the deployment
in the path and a date in the query.

Source: https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle
"""

from urllib.parse import urlsplit

from keyturn.providers import provider
from keyturn.providers.compatible import Compatible
from keyturn.providers.provider import Headers, in_path

API_VERSION = "2024-10-21"
"""The last one of the older generation that is no preview."""
_MODERN = "/openai/v1"
_DEPLOYED = frozenset(
    {
        provider.CHAT,
        provider.GENERATE,
        provider.COMPLETIONS,
        provider.EMBEDDINGS,
        provider.IMAGES,
        provider.SPEECH,
        provider.TRANSCRIPTIONS,
        provider.TRANSLATIONS,
    }
)


class Azure(Compatible, frozen=True, kw_only=True):
    """A resource of today."""

    def headers(self, credential: str, operation: str = provider.CHAT) -> Headers:
        """The key in ``api-key``."""
        del operation
        return (("api-key", credential),) if credential else ()

    def models_url(self, base_url: str) -> str:
        """A call that shows whether the key is taken; what it lists are models to deploy, not what is deployed."""
        return f"{base_url}/models"

    def read_models(self, body: bytes) -> list[str]:
        """No name of a deployment stands there."""
        Compatible.read_models(self, body)
        return []

    def problem_with_address(self, base_url: str) -> str:
        """The portal shows the resource's address without the path."""
        if _is_azure(base_url) and not urlsplit(base_url).path.endswith(_MODERN):
            return f"The base URL of an Azure resource ends in {_MODERN}; for an older one use 'azure-deployments'"
        return ""


class AzureDeployments(Azure, frozen=True, kw_only=True):
    """A resource of the older generation."""

    def path(self, operation: str, model: str = "", *, stream: bool = False) -> str:
        """The deployment stands in the path; the name of the model in the body is passed over."""
        path = Compatible.path(self, operation, model, stream=stream)
        return f"/deployments/{in_path(model)}{path}?api-version={API_VERSION}"

    def models_url(self, base_url: str) -> str:
        """As above."""
        return f"{base_url}/models?api-version={API_VERSION}"

    def problem_with_address(self, base_url: str) -> str:
        """As above."""
        if _is_azure(base_url) and urlsplit(base_url).path != "/openai":
            return "The base URL of an older Azure resource ends in /openai, and nothing follows"
        return ""


def _is_azure(base_url: str) -> bool:
    """Say whether it is the host of a resource, and no proxy before one."""
    return (urlsplit(base_url).hostname or "").endswith(".azure.com")


AZURE = Azure(
    id="azure",
    title="Azure OpenAI",
    address=f"https://{{resource}}.openai.azure.com{_MODERN}",
    variables=("AZURE_OPENAI_API_KEY",),
    offers=_DEPLOYED | {provider.RESPONSES, provider.IMAGE_EDITS, provider.REALTIME},
    lists_models=False,
    note="A model's name there is the name of its deployment.",
    source="https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle",
)
AZURE_DEPLOYMENTS = AzureDeployments(
    id="azure-deployments",
    title="Azure OpenAI, older resources",
    address="https://{resource}.openai.azure.com/openai",
    offers=_DEPLOYED,
    lists_models=False,
    note=f"A model's name there is the name of its deployment. Asked with api-version={API_VERSION}.",
    source="https://learn.microsoft.com/azure/foundry/openai/reference",
)
