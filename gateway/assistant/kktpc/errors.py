"""What can become of a command that was not answered, told by what is known of it."""


class HostError(Exception):
    """The register gave no answer; the text is for logs."""


class LineLost(HostError):
    """The line is gone.  What was asked last may have been done."""


class LineBusy(HostError):
    """Another program holds the line, or it cannot be opened."""


class CommandNotDone(HostError):
    """The command surely was not done: its buffer was full, or it refused to take it."""


class CommandOutcomeUnknown(HostError):
    """The command may have been done; asking again could do it twice."""


class NoKktPcAnswer(HostError):
    """Nobody at the other end speaks KKT-PC."""


class UnsupportedPlatform(HostError):
    """A register of platform 5.0: it is told by its probe, but its wire is not public."""
