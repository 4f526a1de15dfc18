"""Errors of unanswered commands, by what is known of the command's execution."""


class HostError(Exception):
    """Error: the register gave no answer; the text is for logs."""


class LineLost(HostError):
    """Error: the line is lost.  The last command may have been executed."""


class LineBusy(HostError):
    """Error: another program uses the line, or it cannot be opened."""


class CommandNotDone(HostError):
    """Error: the command surely was not executed.

    The register's buffer was full, or it refused the command.
    """


class CommandOutcomeUnknown(HostError):
    """Error: the command may have been executed; sending it again could repeat it."""


class NoKktPcAnswer(HostError):
    """Error: no device at the other end answers KKT-PC."""


class UnsupportedPlatform(HostError):
    """Error: a register of platform 5.0 answers its probe; its protocol is not public."""
