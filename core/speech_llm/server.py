"""A speech LLM on a server that speaks OpenAI's protocol, such as vLLM, as an EmotionModel.

The four answers are scored where the server can (see core.speech_llm.prompt_scores); one that cannot is asked to write
its answer, which is read as text.
"""

import base64
import io
import time
import wave
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.anchor import Anchor
from core.distribution import EmotionDistribution
from core.errors import EmotionMonitorError, ModelError, UsageError
from core.ltu_as.abstention import TOO_SHORT
from core.ltu_as.prompt import PROMPTS
from core.ltu_as.readout import InvalidReading, read_text
from core.ltu_as.verbalizer import answer_words
from core.model import SAMPLE_RATE_HZ, Reading
from core.settings import ModelSettings
from core.speech_llm.prompt_scores import answer_scores
from core.speech_llm.server_address import PREFIX, server_address
from core.speech_llm.server_connection import NotOffered, ServerConnection
from core.wire.events import ModelStamp

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"
WINDOW_S = 30.0
"""Longest sound that is sent: what the encoders of most families hear at once."""
SHORTEST_S = 0.1
SCORED, WRITTEN = "seq_logprob", "text"

_AT_ONCE = 8
_MAX_TOKENS = 64

Content = Mapping[str, Any]
"""What the server answers."""


class ServerModel:
    """Reads utterances by asking a server; see `core.model.EmotionModel`.

    Args:
        settings: Name, prompt, read-out and how answers of several tokens are pooled; what is about a server.

    Raises:
        UsageError: The address or an option cannot be used.
        ModelError: The server cannot be reached, refuses us, or has no such model.
    """

    def __init__(self, settings: ModelSettings) -> None:
        if settings.readout not in {"auto", SCORED}:
            msg = f"model.readout: a server gives no logits for {settings.readout}"
            raise UsageError(msg, hint=f"auto, or {SCORED}")
        if settings.pool == "first":
            msg = f"model.pool: {SCORED} cannot pool the first piece only"
            raise UsageError(msg, hint="mean or sum")
        self._connection = ServerConnection(server_address(settings), timeout_s=settings.server_timeout_s)
        self._threads = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="model server")
        self._join = np.sum if settings.pool == "sum" else np.mean
        self._neutral_odds = 1.0 if settings.neutral_odds == "auto" else settings.neutral_odds
        self._model = self._served(self._connection.address.model)
        self._prompt = "single" if settings.prompt == "auto" else settings.prompt
        self._scores = self._tries_scoring(insist=settings.readout == SCORED)
        if not self._scores and settings.prompt == "auto":
            self._prompt = "ambiguous"  # a word would say nothing of the others
        kind = [SCORED if self._scores else WRITTEN, *(["sum"] if settings.pool == "sum" and self._scores else [])]
        kind += [] if self._neutral_odds == 1.0 else [f"neutral_odds={self._neutral_odds:g}"]
        self._stamp = ModelStamp(name=f"{PREFIX}{self._model}", sha256="", prompt=self._prompt, readout="/".join(kind))

    @property
    def stamp(self) -> ModelStamp:
        """Name, prompt and read-out; no hash, since the weights are the server's."""
        return self._stamp

    @property
    def device(self) -> str:
        """Where it runs, as far as is known: the server's address."""
        return self._connection.address.url

    @property
    def window_s(self) -> float:
        """Longest stretch of sound that is sent, in seconds."""
        return WINDOW_S

    @property
    def transcribes(self) -> bool:
        """Never."""
        return False

    def read(
        self,
        waveforms: Sequence[NDArray[np.int16]],
        *,
        explain: Sequence[bool] = (),  # noqa: ARG002 - nothing is known of how an answer came about
        anchors: Sequence[Anchor | None] = (),  # noqa: ARG002 - it knows no voices
    ) -> list[Reading]:
        """One reading per waveform, in order; a server that fails gives readings that say so."""
        began_s = time.perf_counter()
        questions = [self._begin(waveform) if _is_long_enough(waveform) else [] for waveform in waveforms]
        return [
            self._reading(waveform, answers, began_s) if answers else Reading(distribution=None, reason=TOO_SHORT)
            for waveform, answers in zip(waveforms, questions, strict=True)
        ]

    def _begin(self, waveform: NDArray[np.int16]) -> list[Future[Content]]:
        """Asks all questions about a sound at once; their answers to come."""
        sound = _wav(waveform[: round(WINDOW_S * SAMPLE_RATE_HZ)])
        answers: Sequence[str | None] = tuple(answer_words(self._prompt).values()) if self._scores else (None,)
        return [self._threads.submit(self._asked, sound, answer) for answer in answers]

    def _reading(self, waveform: NDArray[np.int16], answers: Sequence[Future[Content]], began_s: float) -> Reading:
        distribution, reason, failed = None, None, False
        wait(answers)  # all of them: none is still on its way when the next sound is asked about
        try:
            contents = [answer.result() for answer in answers]
            read = self._scored(contents) if self._scores else read_text(_text(contents[0]))
            distribution = read.expecting(self._neutral_odds)
        except InvalidReading as error:
            reason = error.reason
        except EmotionMonitorError as error:
            reason, failed = str(error), True
        return Reading(
            distribution=distribution,
            reason=reason,
            failed=failed,
            truncated_s=max(len(waveform) / SAMPLE_RATE_HZ - WINDOW_S, 0.0),
            llm_ms=1000 * (time.perf_counter() - began_s),
        )

    def _served(self, wanted: str) -> str:
        """The model's name, once the server says that it has it."""
        content = self._connection.get(MODELS)
        data = content.get("data")
        names = [str(one.get("id")) for one in data if isinstance(one, dict)] if isinstance(data, list) else []
        if wanted in names or (len(names) == 1 and not wanted):
            return wanted or names[0]
        url = self._connection.address.url
        if not wanted:
            msg = f"{url} serves {len(names)} models, and none was named"
        else:
            msg = f"{url} serves no model called {wanted}"
        raise UsageError(msg, hint=f"it has: {', '.join(names[:5]) or 'none'}")

    def _tries_scoring(self, *, insist: bool) -> bool:
        """Whether the server scores prompts; asked about a second of faint noise."""
        noise = np.random.default_rng(0).integers(-100, 100, SAMPLE_RATE_HZ).astype(np.int16)
        sound = _wav(noise)
        try:
            self._scored([self._asked(sound, answer) for answer in answer_words(self._prompt).values()])
        except NotOffered as error:
            if insist:
                raise
            try:
                self._asked(sound, None)
            except NotOffered:
                raise error from None  # it takes no sound at all: what it said first
            return False
        return True

    def _asked(self, sound: str, answer: str | None) -> Content:
        """What the server says of a sound: of an answer that is given, or of none, which it then writes itself."""
        question = [
            {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}},
            {"type": "text", "text": PROMPTS[self._prompt]},
        ]
        messages: list[Any] = [{"role": "user", "content": question}]
        wanted: dict[str, Any] = {"max_tokens": _MAX_TOKENS}
        if answer is not None:
            messages.append({"role": "assistant", "content": answer})
            wanted = {"max_tokens": 1, "prompt_logprobs": 1, "return_token_ids": True}
            wanted |= {"add_generation_prompt": False, "continue_final_message": True}
            wanted |= {"chat_template_kwargs": {"enable_thinking": False}}
        asked = {"model": self._model, "messages": messages, "temperature": 0.0, **wanted}
        content: Content = self._connection.post(CHAT, asked)
        return content

    def _scored(self, contents: Sequence[Content]) -> EmotionDistribution:
        scores = answer_scores(contents, tuple(answer_words(self._prompt).values()))
        return EmotionDistribution.from_log_weights([float(self._join(one)) for one in scores])


def _text(content: Content) -> str:
    try:
        return str(content["choices"][0]["message"]["content"] or "")
    except (LookupError, TypeError) as error:
        msg = f"the server's answer has no text: {error!r}"
        raise ModelError(msg, hint="is it a server that speaks OpenAI's protocol, such as vLLM?") from error


def _is_long_enough(waveform: NDArray[np.int16]) -> bool:
    return len(waveform) >= SHORTEST_S * SAMPLE_RATE_HZ


def _wav(waveform: NDArray[np.int16]) -> str:
    """A WAV file in base64."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE_HZ)
        wav.writeframes(waveform.astype("<i2").tobytes())
    return base64.b64encode(file.getvalue()).decode("ascii")
