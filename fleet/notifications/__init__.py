"""Letters to people: an outbox, written in the transaction of a change and sent by the worker."""
