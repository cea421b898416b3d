"""Counts and durations in words, for messages."""


def plural(n: int, noun: str) -> str:
    """Return a count with its noun: "1 object", "2 objects"."""
    return f"{n} {noun}{'s' * (n != 1)}"


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds: "1:05"."""
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
