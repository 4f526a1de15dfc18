"""Errors of the protocol, which say which side was at fault."""


class ProtocolError(Exception):
    """A violation of the protocol; ``code`` names it for logs and metrics."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class LocalError(ProtocolError):
    """An error of our side: the caller tried to send something impossible."""


class RemoteError(ProtocolError):
    """An error of the peer: the received data violate the protocol."""
