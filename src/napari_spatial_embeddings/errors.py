"""The two kinds of errors that are sentences for people, never tracebacks."""


class InputError(ValueError):
    """What was given cannot be used. The message says what was wrong, expected, and what to do."""


class Failure(RuntimeError):
    """The work could not be done, though nothing was wrong with what was given."""
