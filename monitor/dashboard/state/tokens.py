"""The tokens events that are kept, as a pure fold: how the newest readings came about."""

from dataclasses import dataclass
from typing import Self

from core.wire.events import TokensEvent

TOKENS_LIMIT = 200
"""Events kept over all streams; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The newest tokens events, from old to new."""

    kept: tuple[TokensEvent, ...] = ()

    def push(self, event: TokensEvent) -> Self:
        """With one more; a repeated one changes nothing."""
        if self.of(event.stream, event.utterance) == event:
            return self
        return type(self)((*self.kept[-(TOKENS_LIMIT - 1) :], event))

    def of(self, stream: str, utterance: int | None) -> TokensEvent | None:
        """The event of an utterance, if it is known."""
        return next(
            (event for event in reversed(self.kept) if event.stream == stream and event.utterance == utterance), None
        )
