"""How a command ends when it could not do what it was asked."""


class CommandFailed(Exception):
    """Ends the command with exit status 1; the message is one line for stderr."""
