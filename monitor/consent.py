"""Nobody is listened to before someone at this machine has agreed: what they are told, and whether they were."""

import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from platformdirs import user_state_path

from core.json_file import read_json
from core.settings import Settings
from core.speech_llm.server_address import is_server_name, server_address
from core.wire.values import timestamp
from monitor.mqtt.address import broker_address
from monitor.outbox import outbox_path
from monitor.sinks.jsonl import jsonl_target
from monitor.sinks.recording import recordings_folder

TEXT = "text 2"
"""Changes when what people agree to does: then they are asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """What is listened to, what leaves the machine and what is stored, each in words for people."""

    listens: tuple[str, ...]
    """Names of microphones."""
    leaves: tuple[str, ...] = ()
    """Empty: nothing."""
    stores: tuple[str, ...] = ()
    """Empty: nothing."""
    nearby: bool = False
    """Whether programs on this machine can read along."""
    hears_along: str = ""
    """The model server or the workers that are sent the sound; empty: nobody is."""
    voice_leaves: bool = False
    """Whether that one is also sent how a voice sounds."""

    @property
    def terms(self) -> frozenset[str]:
        """What is agreed to. The microphone is not part of it: another one hears the same room."""
        return frozenset({TEXT, *self.leaves, *self.stores, *filter(None, [self.hears_along])})

    def one_line(self) -> str:
        """All of it, for a log."""
        leaves, stores = ("; ".join(words) or "nothing" for words in (self.leaves, self.stores))
        sound = f"sound to {self.hears_along} only" if self.hears_along else "never sound"
        voice = "" if self.voice_leaves else ", nor how a voice sounds"
        told = f"{sound}{voice}. Those who can be heard must be told"
        return f"about to hear {_and(self.listens)}. Leaves this machine: {leaves}. Stored: {stores}; {told}"


def disclosure(settings: Settings, microphones: Sequence[str]) -> Disclosure:
    """What a run with these settings does with what it hears.

    Raises:
        UsageError: The broker's or the model server's address cannot be used, or no file can be where one should.
    """
    what = ["readings", *(["what was said"] if settings.model.transcript else [])]
    leaves: list[str] = []
    stores: list[str] = []
    hears_along = ""
    mqtt = settings.mqtt
    if settings.remote.broker:
        where = broker_address(replace(mqtt, url=settings.remote.broker), key="remote.broker").url
        hears_along = f"the workers at {where}"
        leaves.append(f"the sound of utterances and how a voice sounds, to {hears_along}")
    elif is_server_name(settings.model.name):
        server = server_address(settings.model)
        hears_along = f"the model server {server.url}"
        leaves += [] if server.is_this_machine else [f"the sound of utterances, to {hears_along}"]
    if mqtt.url not in {"embedded", "off"}:
        address = broker_address(mqtt)
        leaves.append(f"{_and(what)}, to the MQTT broker {address.url}")
        outbox = outbox_path(mqtt, address)
        if outbox:
            stores.append(f"{_and(what)}, until the broker has them, in {outbox}")
    if settings.record.on:
        stores.append(f"{_and([*what, 'levels', 'notes'])}, as a recording, in {recordings_folder(settings.record)}")
    stores += [f"{_and(what)}, in {path}" for spec in settings.output.sinks if (path := jsonl_target(spec))]
    return Disclosure(
        listens=tuple(microphones),
        leaves=tuple(leaves),
        stores=tuple(stores),
        nearby=mqtt.url == "embedded",
        hears_along=hears_along,
        voice_leaves=bool(settings.remote.broker),
    )


def _and(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


class Consent:
    """Asks once before listening, and remembers the answer.

    Args:
        settings: All of them.
        ask: Shows a disclosure and waits for someone to agree or not; None: nobody is there to be asked, and the
            disclosure is only said.
        say: Takes the disclosure in one line where nobody is asked.
        memory: File that keeps what was agreed to.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ask: Callable[[Disclosure], Awaitable[bool]] | None,
        say: Callable[[str], None],
        memory: Path | None = None,
    ) -> None:
        self._settings = settings
        self._ask = ask
        self._say = say
        self._memory = memory or user_state_path("emotion-monitor") / "consent.json"
        self._given = settings.output.consent == "given"
        self._said = ""

    async def to(self, sources: Sequence[str]) -> bool:
        """Whether these sources may be listened to; asks where one is a microphone and nobody has agreed yet."""
        microphones = [source for source in sources if source.startswith("mic")]
        if not microphones:
            return True
        disclosed = disclosure(self._settings, microphones)
        if self._ask is None:
            if disclosed.one_line() != self._said:  # a microphone that comes and goes says nothing new
                self._said = disclosed.one_line()
                self._say(self._said)
            return True
        if not self._given:
            self._given = disclosed.terms <= agreed_terms(self._memory)
        if not self._given:
            self._given = await self._ask(disclosed)
            if self._given:
                remember(disclosed, self._memory)
        return self._given


def agreed_terms(memory: Path) -> frozenset[str]:
    """What was agreed to on this machine by this user."""
    try:
        terms = read_json(memory)["terms"]
        return frozenset(str(term) for term in terms)
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def remember(disclosed: Disclosure, memory: Path) -> None:
    """Adds to what was agreed to; where that cannot be kept, the next run asks again."""
    terms = sorted(agreed_terms(memory) | disclosed.terms)
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(memory, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump({"agreed_at": timestamp(time.time()), "terms": terms}, file)
    except OSError:
        return
