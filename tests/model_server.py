"""A small model server on 127.0.0.1 that speaks as much of vLLM's OpenAI-compatible protocol as a client of ours needs.

Its model is a function: the logits after a prefix are drawn with its end, its length and the sound as seed.
"""

import base64
import hashlib
import io
import json
import ssl
import threading
import wave
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import numpy as np

from tests.certificates import Pair

VOCABULARY = 512
CLIP = "<audio>"


@dataclass
class ModelServer:
    """What is served, and how it misbehaves.

    Attributes:
        name: Of the only model.
        scores: Whether `prompt_logprobs` is known; if not, it is passed over.
        strict: Whether what is not known is refused.
        ids_from: So many of them are left out at the beginning.
        ids: Whether it tells the ids of the prompt's tokens, as newer versions do.
        closing: What its template puts after a message, as one that continues none does.
        text: What it writes where it is asked for an answer.
        token: What it must be shown.
        troubles: Statuses that the next answers have instead; 0: the connection is cut.
        hold: Answers wait until it is set.
        pair: Certificate and key, for TLS.
        asked: The bodies it was sent.
    """

    name: str = "acme/Tiny-Audio"
    scores: bool = True
    strict: bool = False
    ids: bool = True
    ids_from: int = 0
    closing: str = ""
    text: str = "Anger: 10%, Happiness: 20%, Sadness: 30%, Neutral: 40%"
    token: str | None = None
    troubles: list[int] = field(default_factory=list)
    hold: threading.Event | None = None
    pair: Pair | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> Self:
        served = self

        class Handler(_Handler):
            server_of_models = served

        self._vocabulary: dict[str, int] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.pair.certificate, self.pair.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        scheme, host = ("http", "127.0.0.1") if self.pair is None else ("https", "localhost")
        return f"{scheme}://{host}:{self._server.server_address[1]}"

    @property
    def model(self) -> str:
        """For `model.name`."""
        return f"openai:{self.url}/{self.name}"

    def token_ids(self, text: str) -> list[int]:
        """Pieces of at most three letters."""
        pieces = [text[n : n + 3] for n in range(0, len(text), 3)]
        with self._lock:
            return [self._vocabulary.setdefault(piece, len(self._vocabulary)) for piece in pieces]

    def spelled(self, token: int) -> str:
        return next(piece for piece, known in self._vocabulary.items() if known == token)

    def prompt_ids(self, sound: bytes, question: str, answer: str) -> list[int]:
        """Template, a place for each tenth of a second, question; and the beginning of the answer."""
        places = len(sound) // 3200
        return [
            *self.token_ids("<s>"),
            *self.token_ids(CLIP) * places,
            *self.token_ids(f"{question}\n"),
            *self.token_ids(answer + self.closing),
        ]

    def log_probabilities(self, sound: bytes, prefix: list[int]) -> np.ndarray:
        """Of the token after a prefix [VOCABULARY]."""
        seen = f"{zlib.crc32(sound)} {len(prefix)} {prefix[-8:]}"
        digest = hashlib.blake2b(seen.encode(), digest_size=8).digest()
        logits = np.random.default_rng(int.from_bytes(digest)).normal(size=VOCABULARY)
        return logits - np.log(np.exp(logits).sum())

    def complete(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        known = {"model", "messages", "max_tokens", "temperature"}
        if self.strict and (unknown := sorted(body.keys() - known)):
            return 400, {"error": {"message": f"Unrecognized request argument supplied: {unknown[0]}"}}
        if body["model"] != self.name:
            return 404, {"error": {"message": f"The model `{body['model']}` does not exist."}}
        user, *rest = body["messages"]
        clip, question = user["content"]
        assert clip["type"] == "input_audio"
        assert clip["input_audio"]["format"] == "wav"
        with wave.open(io.BytesIO(base64.b64decode(clip["input_audio"]["data"]))) as wav:
            assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (16_000, 1, 2)
            sound = wav.readframes(wav.getnframes())
        answer: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": self.text}}]}
        if not (self.scores and "prompt_logprobs" in body):
            return 200, answer
        assert body["continue_final_message"] is True
        assert body["add_generation_prompt"] is False
        ids = self.prompt_ids(sound, question["text"], rest[0]["content"])
        tables: list[Any] = [None]
        for n in range(1, len(ids)):
            logprobs = self.log_probabilities(sound, ids[:n])
            shown = dict.fromkeys([ids[n], int(logprobs.argmax())])  # the prompt's token, then the likeliest
            tables.append({i: {"logprob": logprobs[i], "rank": 1, "decoded_token": self._told(i)} for i in shown})
        return 200, answer | {"prompt_logprobs": tables} | (
            {"prompt_token_ids": ids[self.ids_from :]} if self.ids else {}
        )

    def _told(self, token: int) -> str:
        return self.spelled(token) if token < len(self._vocabulary) else "?"


class _Handler(BaseHTTPRequestHandler):
    server_of_models: ModelServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait for each other

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        served = self.server_of_models
        self._answer(lambda: (200, {"object": "list", "data": [{"id": served.name, "object": "model"}]}))

    def do_POST(self) -> None:
        served = self.server_of_models
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        served.asked.append(body)
        self._answer(lambda: served.complete(body))

    def _answer(self, content: Any) -> None:
        served = self.server_of_models
        served.paths[self.path] += 1
        if served.hold is not None:
            served.hold.wait(10)
        status, values = served.troubles.pop(0) if served.troubles else 200, {}
        if status == 0:
            self.close_connection = True
            return
        if served.token is not None and self.headers["Authorization"] != f"Bearer {served.token}":
            status = 401
        if status == 200:
            status, values = content()
        data = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
