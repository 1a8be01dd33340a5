"""The reference at ``/docs``, rendered from the OpenAPI description."""
