"""Which workers there are, and whose model is asked. Pure: no clock, no I/O."""

from collections import Counter
from pathlib import PurePath

from core.settings import ModelSettings
from core.wire.events import ModelStamp
from core.wire.jobs import JobError, Offer, decode_offer

SCHEMA = "emotion-monitor/job/1"
EVERY_S = 20.0
"""So often a worker repeats its offer, for a broker that has forgotten it."""
VALID_S = 60.0
"""An offer that is older is void: its worker is gone, whatever the broker says."""
MOST = 4096
"""Offers that are remembered."""
MOST_BYTES = 4096
"""Of one."""


class Offers:
    """Offers by their topic, as far as they are not void."""

    def __init__(self) -> None:
        self._offers: dict[str, tuple[Offer, float]] = {}

    def take(self, topic: str, payload: bytes, now: float) -> None:
        """An offer came, or, empty, is withdrawn; what is no offer is none."""
        self._offers.pop(topic, None)
        if not payload or len(payload) > MOST_BYTES or len(self._offers) >= MOST:
            return
        try:
            offer = decode_offer(payload)
        except JobError:
            return
        if SCHEMA in offer.jobs:
            self._offers[topic] = (offer, now + VALID_S)

    def clear(self) -> None:
        """On a new connection the broker says what there is."""
        self._offers.clear()

    def expire(self, now: float) -> None:
        """Void ones are forgotten; nobody says so of a worker that went together with the broker."""
        self._offers = {topic: offered for topic, offered in self._offers.items() if offered[1] > now}

    def wake_s(self) -> float | None:
        """When the next one becomes void."""
        return min((until for _, until in self._offers.values()), default=None)

    def fitting(self, model: ModelSettings, now: float, *, sha256: str = "") -> list[Offer]:
        """Those of workers whose model is the one that is asked for."""
        return [offer for offer, until in self._offers.values() if until > now and _fits(offer.model, model, sha256)]

    def known(self, now: float) -> list[Offer]:
        """All of them."""
        return [offer for offer, until in self._offers.values() if until > now]


def chosen(fitting: list[Offer], *, stay: str | None = None) -> Offer | None:
    """One of the workers whose model is asked; what was asked until now, as long as anybody reads with it.

    Else what most of them read with.
    """
    if not fitting:
        return None
    numbers = Counter(offer.identity for offer in fitting)
    identity = stay if stay in numbers else max(numbers, key=lambda one: (numbers[one], one))
    return min((offer for offer in fitting if offer.identity == identity), key=lambda offer: offer.worker)


def _fits(stamp: ModelStamp, wanted: ModelSettings, sha256: str) -> bool:
    """Whether a model is the one of this name, and is read as asked."""
    return (
        stamp.name in _names(wanted.name)
        and stamp.sha256.startswith(sha256)
        and wanted.prompt in {"auto", stamp.prompt}
        and wanted.readout in {"auto", stamp.readout, stamp.readout.partition("/")[0]}
    )


def _names(name: str) -> set[str]:
    """What events call a model of this name: a folder's last part, OWNER/NAME of the hub, openai:NAME of a server."""
    last = PurePath(name).name
    return {name, last, name.removeprefix("hf:").partition("@")[0], f"openai:{last}"}
