"""Errors of the wire, telling whose fault it was."""


class ProtocolError(Exception):
    """Something that the protocol does not allow; ``code`` names it for logs and metrics."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class LocalError(ProtocolError):
    """We were about to send something impossible."""


class RemoteError(ProtocolError):
    """The peer broke the protocol."""
