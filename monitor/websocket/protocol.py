"""One client's side of the conversation: who may speak, what sound it sends. No I/O; time comes in as arguments."""

import hmac
import math
import uuid
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ
from core.sound.container import Beginning
from monitor.websocket.messages import End, Hello, MessageError, Ready, Refusal, ServerMessage, decode
from monitor.websocket.rate import SMALLEST_FRAME, RateLimit

MAX_FRAME_BYTES = 320_000
"""10 s of sound. What is longer closes the connection before it is in memory."""
HELLO_S = 10.0
"""A client that has not introduced itself by then is let go."""
DRAIN_S = 60.0
"""How long a client that has ended may wait for its last readings."""
MAX_INVALID = 100
"""Frames that are no sound until a client is let go."""
MAX_REFUSED_S = 30.0
"""Sound sent too fast until a client is let go."""
REPEAT_S = 1.0
"""Time between two complaints about the same."""
_LONGEST_REASON = 123
"""Bytes that a close frame has room for."""


class CloseCode(IntEnum):
    """Why a connection ends; the reason that comes with it says more. Codes of RFC 6455."""

    DONE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    REFUSED = 1008
    TOO_BIG = 1009
    TRY_LATER = 1013


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """int16 samples at 16 kHz mono; `lost` samples went missing just before the first of them."""

    samples: NDArray[np.int16]
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Close:
    """The connection is to be closed, with a reason that fits into a close frame."""

    code: CloseCode
    reason: str


Output: TypeAlias = Sound | ServerMessage | Close

_NOTHING = np.empty(0, np.int16)


class Session:
    """What a client may say when, and what becomes of it.

    First a hello, then sound, then perhaps an end; nothing is listened to after a Close.

    Args:
        rate: How fast sound may come.
        idle_s: A client that sends no sound for so long is let go.
        token: What the client must know; None for no such thing.
        now_s: Monotonic time, in seconds, as in every other method.

    Attributes:
        id: Unique.
        state: Where the conversation is.
        hello: Of the client, once it has said so.
        audio: Samples that were sent, refused ones included: the client's own clock.
    """

    def __init__(self, rate: RateLimit, *, idle_s: float, token: str | None, now_s: float) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.state: Literal["greeting", "speaking", "ended", "closed"] = "greeting"
        self.hello: Hello | None = None
        self.audio = 0
        self._rate = rate
        self._idle_s = idle_s
        self._token = token
        self._since_s = now_s
        self._lost = 0
        self._refused = 0
        self._invalid = 0
        self._beginning = Beginning()
        self._complaints: dict[str, tuple[float, int]] = {}

    @property
    def ready(self) -> Ready:
        """What to answer a hello, once somebody listens."""
        return Ready(
            session=self.id,
            sample_rate_hz=SAMPLE_RATE_HZ,
            encoding="s16le",
            channels=1,
            max_frame_bytes=MAX_FRAME_BYTES,
            max_rate=None if self._rate.speed == math.inf else self._rate.speed,
            burst_s=self._rate.burst_s,
            idle_s=self._idle_s,
        )

    def push(self, message: str | bytes, now_s: float) -> list[Output]:
        """Takes what the client said."""
        if self.state == "closed":
            return []
        if isinstance(message, str):
            return self._text(message, now_s)
        if self.state == "greeting":
            return self.close(CloseCode.PROTOCOL_ERROR, "hello_expected: the first message says what sound will come")
        if self.state == "ended":
            return self.close(CloseCode.PROTOCOL_ERROR, "ended: no sound may follow an end")
        return self._sound(message, now_s)

    def tick(self, now_s: float) -> list[Output]:
        """Time has passed."""
        waited_s = now_s - self._since_s
        if self.state == "greeting" and waited_s > HELLO_S:
            return self.close(CloseCode.REFUSED, f"hello_timeout: no hello within {HELLO_S:g} s")
        if self.state == "speaking" and waited_s > self._idle_s:
            return self.close(CloseCode.REFUSED, f"idle: no sound for {self._idle_s:g} s")
        if self.state == "ended" and waited_s > DRAIN_S:
            return self.close(CloseCode.DONE, f"not everything was read within {DRAIN_S:g} s")
        return []

    def listen(self, now_s: float) -> None:
        """Somebody listens from now on: until then the client could not be idle."""
        if self.state == "speaking":
            self._since_s = now_s

    def close(self, code: CloseCode, reason: str) -> list[Output]:
        """Ends the conversation."""
        self.state = "closed"
        fitting = reason.encode(errors="replace")[:_LONGEST_REASON].decode(errors="ignore")
        rest: list[Output] = [Sound(_NOTHING, self._take_lost())] if self._lost else []
        return [*rest, Close(code, fitting)]

    def _text(self, text: str, now_s: float) -> list[Output]:
        try:
            message = decode(text)
        except MessageError as error:
            return self.close(CloseCode.REFUSED, f"not_understood: {error}")
        if isinstance(message, Hello) and self.state == "greeting":
            return self._greet(message, now_s)
        if isinstance(message, End) and self.state == "speaking":
            if kind := self._beginning.end():
                return self._refuse_file(kind)
            self.state = "ended"
            self._since_s = now_s
            return [Sound(_NOTHING, self._take_lost())] if self._lost else []
        return self.close(CloseCode.PROTOCOL_ERROR, f"out_of_turn: {message.type} is not expected now")

    def _greet(self, hello: Hello, now_s: float) -> list[Output]:
        given = (hello.token or "").encode(errors="replace")
        if self._token is not None and not hmac.compare_digest(given, self._token.encode()):
            return self.close(CloseCode.REFUSED, "unauthorized: the hello must hold the server's token")
        self.hello = hello
        self.state = "speaking"
        self._since_s = now_s
        return []

    def _sound(self, frame: bytes, now_s: float) -> list[Output]:
        if kind := self._beginning.push(frame):
            return self._refuse_file(kind)
        count = len(frame) // 2
        if not frame or len(frame) % 2 or len(frame) > MAX_FRAME_BYTES:
            self._invalid += 1
            if self._invalid > MAX_INVALID:
                return self.close(CloseCode.REFUSED, f"invalid_audio_frame: more than {MAX_INVALID} times")
            what = f"{len(frame)} bytes: a frame holds whole samples of two bytes, at most {MAX_FRAME_BYTES} bytes"
            return self._refuse("invalid_audio_frame", what, count, now_s)
        self._since_s = now_s
        if not self._rate.allows(count, now_s):
            return self._refuse("rate_limited", "sound came faster than it may", count, now_s)
        self.audio += count
        samples = np.frombuffer(frame, "<i2").astype(np.int16)
        return [Sound(samples, self._take_lost())]

    def _refuse_file(self, kind: str) -> list[Output]:
        made_by = "ffmpeg -i FILE -f s16le -ar 16000 -ac 1 -"
        return self.close(CloseCode.REFUSED, f"not_raw: looks like {kind}; raw samples: {made_by}")

    def _refuse(
        self, code: Literal["invalid_audio_frame", "rate_limited"], what: str, count: int, now_s: float
    ) -> list[Output]:
        self.audio += count
        self._lost += count
        self._refused += max(count, SMALLEST_FRAME)  # refusing costs something, too
        if self._refused > MAX_REFUSED_S * SAMPLE_RATE_HZ:
            return self.close(CloseCode.REFUSED, f"{code}: more than {MAX_REFUSED_S:g} s of sound had to be refused")
        last_s, untold = self._complaints.get(code, (-math.inf, 0))
        untold += count
        if now_s - last_s < REPEAT_S:
            self._complaints[code] = (last_s, untold)
            return []
        self._complaints[code] = (now_s, 0)
        return [Refusal(code=code, message=what, lost_s=round(untold / SAMPLE_RATE_HZ, 3))]

    def _take_lost(self) -> int:
        lost, self._lost = self._lost, 0
        return lost
