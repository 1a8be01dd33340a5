"""The demo upstream: an OpenAI-compatible server with deterministic answers, reached over HTTP like any real one."""
