"""Letters to people: an outbox that is written with the change and sent by the worker."""
