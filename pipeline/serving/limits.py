"""What one client may take of a server, so that something is left for the others."""

from typing import NamedTuple


class Limits(NamedTuple):
    """Bounds of a server; `python -m pipeline serve --help` has an option for each."""

    body_bytes: int = 1 << 20
    """Longest request."""
    strings: int = 10_000
    """Sources of one request."""
    characters: int = 2_000
    """Of one source, and of one prefix."""
    answer_bytes: int = 1 << 26
    """Longest answer to one request; attention makes it long."""
    queue: int = 50_000
    """Strings that wait, of all requests."""
    seconds: float = 60.0
    """From a request's last byte to its answer."""
    body_seconds: float = 20.0
    """For a request to arrive, its head and its body each."""
    connections: int = 512
    """Open at the same time."""
    grace: float = 30.0
    """Seconds that remain for what has been taken when the server is asked to end."""

    def __str__(self) -> str:
        return (
            f"a request has at most {self.body_bytes:,} bytes, {self.strings:,} strings of {self.characters:,} "
            f"characters and {self.seconds:g} s; {self.queue:,} strings wait, {self.connections:,} connections"
        )
