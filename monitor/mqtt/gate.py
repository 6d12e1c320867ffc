"""What becomes of a message on the command topic: a command, a refusal that is worth an answer, or nothing. No I/O."""

from dataclasses import dataclass

from core.wire.commands import CommandError, WireCommand, decode_command, refusal

RATE_PER_S = 5.0
BURST = 10
"""So many commands at once, then `RATE_PER_S`; people press buttons, and nothing else needs to ask more often."""

TOO_MANY = "too many commands"


@dataclass(slots=True)
class GateCounts:
    """Messages by what became of them."""

    passed: int = 0
    refused: int = 0
    retained: int = 0
    too_many: int = 0


class Gate:
    """Lets commands through, at a bounded rate.

    A retained message is no command: it was meant for whoever listened when it was sent, and would come again with
    every connection. Of messages beyond the rate, the first is refused with a reason; those that follow before there
    is room again are only counted, so that a flood leads to no flood of answers.
    """

    def __init__(self, *, rate_per_s: float = RATE_PER_S, burst: int = BURST) -> None:
        self.counts = GateCounts()
        self._rate_per_s, self._burst = rate_per_s, burst
        self._tokens = float(burst)
        self._at_s: float | None = None
        self._said = False

    def push(self, payload: bytes, *, retained: bool, now_s: float) -> WireCommand | CommandError | None:
        """Judges one message; `now_s` is monotonic time, in seconds."""
        if retained:
            self.counts.retained += 1
            return None
        elapsed_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
        self._at_s = now_s
        self._tokens = min(self._burst, self._tokens + elapsed_s * self._rate_per_s)
        if self._tokens < 1:
            self.counts.too_many += 1
            if self._said:
                return None
            self._said = True
            return refusal(payload, TOO_MANY, hint=f"at most {self._rate_per_s:g} a second, {self._burst} at once")
        self._tokens -= 1
        self._said = False
        try:
            command = decode_command(payload)
        except CommandError as error:
            self.counts.refused += 1
            return error
        self.counts.passed += 1
        return command
