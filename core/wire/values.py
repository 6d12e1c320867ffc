"""What fields of wire messages are made of."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

Emotion: TypeAlias = Literal["anger", "happiness", "sadness", "neutral"]
Timestamp: TypeAlias = str
"""UTC, ISO 8601 with milliseconds and Z: 2026-01-01T10:00:00.000Z."""


MOST = 2**53 - 1
"""Beyond it, most readers of JSON round integers; and those beyond 1e308, nobody can divide or draw."""


class _Exact:
    """Marks integers of which an event with a larger one is refused."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(_checked, handler(source))


def _checked(number: int) -> int:
    if abs(number) > MOST:
        msg = "an integer beyond 2^53"
        raise ValueError(msg)
    return number


Integer: TypeAlias = Annotated[int, _Exact()]


def timestamp(seconds: float) -> Timestamp:
    """Formats seconds since the epoch as the wire's UTC time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
