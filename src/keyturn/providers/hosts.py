"""The table of hosts that speak OpenAI's dialect; one more host is one more row.

What a host offers is what its documentation (``source``) names; that it has more, or that a model there does not take
all of it, is possible. ``legacy_cap``: the documentation names ``max_tokens`` alone. ``thoughts`` and ``top_k`` are there
where a page (``quirks.source``) or the server's own source names them for requests: a host that asks for its thoughts back
without saying where, as MiniMax does in the words of the answer, has none, nor has Groq, some of whose models refuse them.
"""

from keyturn.providers import provider
from keyturn.providers.compatible import Compatible
from keyturn.providers.provider import Quirks

_CHAT = frozenset({provider.CHAT, provider.GENERATE})
_TEXT = _CHAT | {provider.COMPLETIONS}
_RESPONSES = frozenset({provider.RESPONSES})
_EMBEDDINGS = frozenset({provider.EMBEDDINGS})
_IMAGES = frozenset({provider.IMAGES})
_HEARING = frozenset({provider.TRANSCRIPTIONS, provider.TRANSLATIONS})
_AUDIO = _HEARING | {provider.SPEECH}
_MESSAGES = frozenset({provider.MESSAGES})
_TOKENS = frozenset({provider.COUNT_TOKENS})
_EVERYTHING = (
    _TEXT
    | _RESPONSES
    | _EMBEDDINGS
    | _AUDIO
    | _IMAGES
    | {provider.IMAGE_EDITS, provider.IMAGE_VARIATIONS, provider.MODERATIONS, provider.REALTIME}
)

_LEGACY_CAP = Quirks(legacy_cap=True)
_LEGACY_TOP_K = Quirks(legacy_cap=True, top_k=True)

HOSTED = (
    Compatible(
        id="openai",
        title="OpenAI",
        base_url="https://api.openai.com/v1",
        variables=("OPENAI_API_KEY",),
        offers=_EVERYTHING,
        source="https://developers.openai.com/api/reference/overview",
    ),
    Compatible(
        id="mistral",
        title="Mistral AI",
        base_url="https://api.mistral.ai/v1",
        variables=("MISTRAL_API_KEY",),
        offers=_CHAT | _EMBEDDINGS | {provider.TRANSCRIPTIONS},
        quirks=Quirks(legacy_cap=True, stream_options=False, strict=True, random_seed=True),
        source="https://docs.mistral.ai/api",
    ),
    Compatible(
        id="groq",
        title="Groq",
        base_url="https://api.groq.com/openai/v1",
        variables=("GROQ_API_KEY",),
        offers=_CHAT | _RESPONSES | _AUDIO,
        source="https://console.groq.com/docs/openai",
    ),
    Compatible(
        id="deepseek",
        title="DeepSeek",
        base_url="https://api.deepseek.com",
        variables=("DEEPSEEK_API_KEY",),
        offers=_CHAT | _MESSAGES,
        own_paths={provider.MESSAGES: "/anthropic/v1/messages"},
        quirks=Quirks(
            legacy_cap=True,
            thoughts="reasoning_content",
            source="https://api-docs.deepseek.com/guides/thinking_mode",
        ),
        source="https://api-docs.deepseek.com",
    ),
    Compatible(
        id="xai",
        title="xAI",
        base_url="https://api.x.ai/v1",
        variables=("XAI_API_KEY",),
        offers=_CHAT | _RESPONSES | _IMAGES,
        source="https://docs.x.ai/docs/api-reference",
    ),
    Compatible(
        id="together",
        title="Together AI",
        base_url="https://api.together.ai/v1",
        variables=("TOGETHER_API_KEY",),
        offers=_TEXT | _EMBEDDINGS | _IMAGES | _AUDIO,
        quirks=Quirks(
            legacy_cap=True,
            top_k=True,
            source="https://docs.together.ai/reference/chat-completions",
        ),
        source="https://docs.together.ai/docs/openai-api-compatibility",
    ),
    Compatible(
        id="fireworks",
        title="Fireworks AI",
        base_url="https://api.fireworks.ai/inference/v1",
        variables=("FIREWORKS_API_KEY",),
        offers=_TEXT | _EMBEDDINGS | _MESSAGES,
        quirks=Quirks(
            legacy_cap=True,
            thoughts="reasoning_content",
            top_k=True,
            source="https://docs.fireworks.ai/guides/reasoning",
        ),
        source="https://docs.fireworks.ai/tools-sdks/openai-compatibility",
    ),
    Compatible(
        id="openrouter",
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        variables=("OPENROUTER_API_KEY",),
        offers=_TEXT | _RESPONSES | _EMBEDDINGS | _MESSAGES,
        quirks=Quirks(
            thoughts="reasoning_details",
            top_k=True,
            source="https://openrouter.ai/docs/guides/best-practices/reasoning-tokens",
        ),
        source="https://openrouter.ai/docs/api-reference/overview",
    ),
    Compatible(
        id="perplexity",
        title="Perplexity",
        base_url="https://api.perplexity.ai/v1",
        variables=("PERPLEXITY_API_KEY",),
        offers=_RESPONSES | _EMBEDDINGS,
        note="Its chat completions (Sonar) ended on 27 September 2026; chats become responses.",
        source="https://docs.perplexity.ai/docs/agent-api/openai-compatibility",
    ),
    Compatible(
        id="cohere",
        title="Cohere",
        base_url="https://api.cohere.ai/compatibility/v1",
        variables=("COHERE_API_KEY", "CO_API_KEY"),
        offers=_CHAT | _EMBEDDINGS,
        lists_models=False,
        quirks=_LEGACY_CAP,
        source="https://docs.cohere.com/docs/compatibility-api",
    ),
    Compatible(
        id="moonshot",
        title="Moonshot AI (Kimi)",
        base_url="https://api.moonshot.ai/v1",
        variables=("MOONSHOT_API_KEY",),
        offers=_CHAT | _RESPONSES,
        quirks=Quirks(
            thoughts="reasoning_content",
            source="https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model",
        ),
        note="In mainland China: https://api.moonshot.cn/v1.",
        source="https://platform.kimi.ai/docs/api/overview",
    ),
    Compatible(
        id="zai",
        title="Z.AI (Zhipu)",
        base_url="https://api.z.ai/api/paas/v4",
        variables=("ZAI_API_KEY", "ZHIPU_API_KEY"),
        offers=_CHAT,
        quirks=Quirks(
            legacy_cap=True,
            thoughts="reasoning_content",
            source="https://docs.z.ai/guides/capabilities/thinking-mode",
        ),
        note="In mainland China: https://open.bigmodel.cn/api/paas/v4.",
        source="https://docs.z.ai/api-reference/introduction",
    ),
    Compatible(
        id="qwen",
        title="Alibaba Model Studio (Qwen, DashScope)",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        variables=("DASHSCOPE_API_KEY",),
        offers=_CHAT | _RESPONSES | _EMBEDDINGS,
        quirks=Quirks(
            legacy_cap=True,
            top_k=True,
            source="https://www.alibabacloud.com/help/en/model-studio/qwen-api-via-openai-chat-completions",
        ),
        note="In mainland China: https://dashscope.aliyuncs.com/compatible-mode/v1.",
        source="https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
    ),
    Compatible(
        id="minimax",
        title="MiniMax",
        base_url="https://api.minimax.io/v1",
        variables=("MINIMAX_API_KEY",),
        offers=_CHAT | _RESPONSES,
        note="In mainland China: https://api.minimaxi.com/v1.",
        source="https://platform.minimax.io/docs/api-reference/text-openai-api",
    ),
    Compatible(
        id="nvidia",
        title="NVIDIA NIM",
        base_url="https://integrate.api.nvidia.com/v1",
        variables=("NVIDIA_API_KEY",),
        offers=_CHAT | _EMBEDDINGS,
        quirks=Quirks(legacy_cap=True, strict=True),
        source="https://docs.api.nvidia.com/nim/reference/llm-apis",
    ),
    Compatible(
        id="cerebras",
        title="Cerebras",
        base_url="https://api.cerebras.ai/v1",
        variables=("CEREBRAS_API_KEY",),
        offers=_TEXT,
        source="https://inference-docs.cerebras.ai/resources/openai",
    ),
    Compatible(
        id="sambanova",
        title="SambaNova",
        base_url="https://api.sambanova.ai/v1",
        variables=("SAMBANOVA_API_KEY",),
        offers=_CHAT | _EMBEDDINGS | _HEARING | _MESSAGES,
        quirks=_LEGACY_CAP,
        source="https://docs.sambanova.ai/docs/en/features/openai-compatibility",
    ),
    Compatible(
        id="huggingface",
        title="Hugging Face Inference Providers",
        base_url="https://router.huggingface.co/v1",
        variables=("HF_TOKEN",),
        offers=_CHAT | _RESPONSES,
        quirks=_LEGACY_CAP,
        source="https://huggingface.co/docs/inference-providers",
    ),
    Compatible(
        id="nebius",
        title="Nebius Token Factory",
        base_url="https://api.tokenfactory.nebius.com/v1",
        variables=("NEBIUS_API_KEY",),
        offers=_TEXT | _EMBEDDINGS,
        quirks=_LEGACY_CAP,
        source="https://docs.tokenfactory.nebius.com/api-reference/inference/create-chat-completion",
    ),
    Compatible(
        id="deepinfra",
        title="DeepInfra",
        base_url="https://api.deepinfra.com/v1/openai",
        variables=("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
        offers=_TEXT | _EMBEDDINGS | _IMAGES | _AUDIO,
        quirks=_LEGACY_TOP_K,
        source="https://docs.deepinfra.com/api-reference/chat-completions/openai-chat-completions",
    ),
    Compatible(
        id="hyperbolic",
        title="Hyperbolic",
        base_url="https://api.hyperbolic.xyz/v1",
        variables=("HYPERBOLIC_API_KEY",),
        offers=_TEXT,
        quirks=_LEGACY_CAP,
        source="https://docs.hyperbolic.ai",
    ),
    Compatible(
        id="novita",
        title="Novita AI",
        base_url="https://api.novita.ai/openai/v1",
        variables=("NOVITA_API_KEY",),
        offers=_TEXT | _EMBEDDINGS,
        quirks=Quirks(
            legacy_cap=True,
            thoughts="reasoning_content",
            top_k=True,
            source="https://novita.ai/docs/guides/llm-interleaved-thinking",
        ),
        source="https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion",
    ),
    Compatible(
        id="siliconflow",
        title="SiliconFlow",
        base_url="https://api.siliconflow.com/v1",
        variables=("SILICONFLOW_API_KEY",),
        offers=_CHAT | _EMBEDDINGS | _IMAGES | {provider.SPEECH, provider.TRANSCRIPTIONS},
        quirks=_LEGACY_TOP_K,
        note="In mainland China: https://api.siliconflow.cn/v1.",
        source="https://docs.siliconflow.com/en/api-reference/chat-completions/chat-completions",
    ),
    Compatible(
        id="cloudflare",
        title="Cloudflare Workers AI",
        address="https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1",
        variables=("CLOUDFLARE_API_TOKEN",),
        offers=_CHAT | _RESPONSES | _EMBEDDINGS,
        lists_models=False,
        quirks=_LEGACY_CAP,
        source="https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility",
    ),
)
"""Those who run models for others."""

LOCAL = (
    Compatible(
        id="ollama",
        title="Ollama",
        base_url="http://127.0.0.1:11434/v1",
        local=True,
        offers=_TEXT | _RESPONSES | _EMBEDDINGS | _MESSAGES,
        quirks=Quirks(
            legacy_cap=True,
            thoughts="reasoning",
            source="https://github.com/ollama/ollama/blob/main/openai/openai.go",
        ),
        source="https://docs.ollama.com/api/openai-compatibility",
    ),
    Compatible(
        id="vllm",
        title="vLLM",
        base_url="http://127.0.0.1:8000/v1",
        local=True,
        offers=_TEXT | _RESPONSES | _EMBEDDINGS | _HEARING | _MESSAGES | _TOKENS,
        quirks=Quirks(
            thoughts="reasoning",
            top_k=True,
            source="https://docs.vllm.ai/en/latest/features/interleaved_thinking",
        ),
        source="https://docs.vllm.ai/en/stable/serving/online_serving.html",
    ),
    Compatible(
        id="llamacpp",
        title="llama.cpp",
        base_url="http://127.0.0.1:8080/v1",
        local=True,
        offers=_TEXT | _RESPONSES | _EMBEDDINGS | _MESSAGES | _TOKENS,
        quirks=Quirks(
            legacy_cap=True,
            thoughts="reasoning_content",
            top_k=True,
        ),
        note="Its port is also Keyturn's: start one of them at another.",
        source="https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
    ),
    Compatible(
        id="lmstudio",
        title="LM Studio",
        base_url="http://127.0.0.1:1234/v1",
        local=True,
        offers=_TEXT | _RESPONSES | _EMBEDDINGS | _MESSAGES,
        quirks=Quirks(
            legacy_cap=True,
            top_k=True,
            source="https://lmstudio.ai/docs/developer/openai-compat/chat-completions",
        ),
        source="https://lmstudio.ai/docs/developer/openai-compat",
    ),
    Compatible(
        id="localai",
        title="LocalAI",
        base_url="http://127.0.0.1:8080/v1",
        local=True,
        offers=_TEXT | _EMBEDDINGS | _IMAGES | {provider.SPEECH, provider.TRANSCRIPTIONS},
        quirks=Quirks(
            legacy_cap=True,
            thoughts="reasoning",
            source="https://localai.io/features/interleaved-thinking",
        ),
        note="Its port is also Keyturn's: start one of them at another.",
        source="https://localai.io/features",
    ),
    Compatible(
        id="jan",
        title="Jan",
        base_url="http://127.0.0.1:1337/v1",
        local=True,
        offers=_CHAT,
        quirks=_LEGACY_CAP,
        source="https://www.jan.ai/docs/desktop/api-server",
    ),
)
"""Servers for machines of one's own."""

COMPATIBLE = Compatible(
    id="compatible",
    title="Another server that speaks the OpenAI API",
    address="https://{host}/v1",
    local=True,
    offers=_EVERYTHING,
    note="What an upstream is whose address stands nowhere in this table.",
    source="https://developers.openai.com/api/reference/overview",
)
