"""Times on the wire, read."""

from datetime import UTC, datetime

from core.wire.values import Timestamp

LATEST_S = 2e11
"""No clock shows a later second since the epoch."""


def epoch_s(at: Timestamp) -> float | None:
    """Seconds since the epoch; None: it is no time that a clock could have shown. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(at)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= LATEST_S else None
