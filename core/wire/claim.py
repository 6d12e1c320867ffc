"""What monitors of one name say to each other over the broker."""

import functools
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from core.errors import EmotionMonitorError
from core.wire.values import Timestamp

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_CLAIM_BYTES = 1024


class ClaimError(EmotionMonitorError):
    """A message on the claim topic that is no claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a monitor says on `<base>/<node>/claim`: this node is mine. Consumers need not care."""

    run: str
    """Different for every start of a program."""
    since: Timestamp
    """When it started."""
    holds: bool
    """False while it still asks whether somebody objects."""
    host: str
    pid: int
    to: str | None = None
    """The run that this answers."""
    schema: Literal["emotion-monitor/claim/1"] = "emotion-monitor/claim/1"


def encode_claim(claim: Claim) -> bytes:
    """One claim as UTF-8 JSON."""
    return json.dumps(asdict(claim)).encode()


def decode_claim(data: bytes) -> Claim:
    """The claim in a JSON text; fields this version does not know are ignored.

    Raises:
        ClaimError: It is none.
    """
    from pydantic import ValidationError

    try:
        return _adapter().validate_json(data[:MAX_CLAIM_BYTES])
    except ValidationError as error:
        msg = "not a claim"
        raise ClaimError(msg) from error


@functools.cache
def _adapter() -> "TypeAdapter[Claim]":
    from pydantic import TypeAdapter

    return TypeAdapter(Claim)
