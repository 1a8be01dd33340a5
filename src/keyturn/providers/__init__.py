"""Who runs models: what differs from one provider to the next. Pure: prepare a request, filter an answer."""
