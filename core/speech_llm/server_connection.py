"""Questions to a model server over HTTP, and what can go wrong with them, in one line each."""

import json
import ssl
import threading
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

from core.errors import ModelError
from core.speech_llm.server_address import TOKEN_VARIABLE, ServerAddress

RETRY_AFTER_S = (0.2, 1.0)
"""Pauses before a question is asked again that was not answered; after these it is given up."""

_BUSY = frozenset({429, 502, 503, 504})
_LARGEST_BYTES = 64 * 2**20
_SHOWN_CHARACTERS = 200


class NotOffered(ModelError):  # noqa: N818 - the server works, and lacks something
    """The server does not know what it was asked for (status 400, 422 or 501)."""


class ServerConnection:
    """Asks one server; a connection is kept open for each thread that asks.

    Args:
        address: Where it is.
        timeout_s: How long an answer may take, or a part of it.
    """

    def __init__(self, address: ServerAddress, *, timeout_s: float) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._of_thread = threading.local()

    def get(self, path: str) -> Any:
        """The JSON at a path; raises as `post`."""
        return self._ask("GET", path, None)

    def post(self, path: str, values: object) -> Any:
        """The JSON that these values are answered with.

        Raises:
            NotOffered: The server does not know something of what it was asked for.
            ModelError: It cannot be reached, refuses us, has no such model, or does not answer in time or in JSON.
        """
        return self._ask("POST", path, json.dumps(values).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        for pause_s in (*RETRY_AFTER_S, None):
            try:
                status, data = self._answer(method, path, body)
            except TimeoutError as error:  # not again: whoever waits has waited long enough
                self._close()
                msg = f"{self.address.url} did not answer within {self._timeout_s:g} s"
                raise ModelError(msg, hint="is it overloaded? model.server_timeout_s bounds the wait") from error
            except (OSError, HTTPException) as error:
                self._close()
                if pause_s is None or isinstance(error, ssl.SSLCertVerificationError):
                    raise self._unreachable(error) from error
            else:
                if status not in _BUSY or pause_s is None:
                    return self._content(status, data)
            time.sleep(pause_s)
        raise AssertionError  # the last round returns or raises

    def _answer(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = getattr(self._of_thread, "connection", None) or self._open()
        headers = {"Accept": "application/json"}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        headers |= {"Authorization": f"Bearer {self.address.token}"} if self.address.token else {}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        data = response.read(_LARGEST_BYTES)
        if response.will_close or not response.isclosed():
            self._close()
        return response.status, data

    def _open(self) -> HTTPConnection:
        where = self.address
        connection: HTTPConnection = (
            HTTPConnection(where.host, where.port, timeout=self._timeout_s)
            if where.tls is None
            else HTTPSConnection(where.host, where.port, timeout=self._timeout_s, context=where.tls)
        )
        self._of_thread.connection = connection
        return connection

    def _close(self) -> None:
        connection = getattr(self._of_thread, "connection", None)
        if connection is not None:
            connection.close()
        self._of_thread.connection = None

    def _unreachable(self, error: OSError | HTTPException) -> ModelError:
        url = self.address.url
        if isinstance(error, ssl.SSLCertVerificationError):
            msg = f"{url}: its certificate is not trusted: {error.verify_message}"
            return ModelError(msg, hint="a certificate of its own is trusted by naming it as model.server_ca_file")
        if isinstance(error, ssl.SSLError):
            return ModelError(f"{url} does not speak TLS as we do: {error.reason or error}", hint="is it http://?")
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return ModelError(f"{url} cannot be reached: {reason}", hint="is the model server running there?")

    def _content(self, status: int, data: bytes) -> Any:
        url = self.address.url
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            content = None
        if status == HTTPStatus.OK and isinstance(content, dict):
            return content
        said = _message(content)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            msg = f"{url} refuses us ({status}): {'the token is wrong' if self.address.token else 'it wants a token'}"
            raise ModelError(msg, hint=f"set {TOKEN_VARIABLE} or model.server_token_file")
        if status == HTTPStatus.NOT_FOUND:
            msg = f"{url} has not what was asked for (404){said}"
            raise ModelError(msg, hint="does it serve this model, by OpenAI's protocol (/v1/chat/completions)?")
        if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_IMPLEMENTED}:
            msg = f"{url} does not take the question ({status}){said}"
            raise NotOffered(msg, hint="does the model take sound?")
        if status == HTTPStatus.OK:
            msg = f"{url} answers something other than JSON"
            raise ModelError(msg, hint="is it a server that speaks OpenAI's protocol, such as vLLM?")
        msg = f"{url} answered {status}{said}"
        raise ModelError(msg, hint="its own log says more")


def _message(content: Any) -> str:
    """What a server says of an error, in either of the two forms that are usual."""
    if not isinstance(content, dict):
        return ""
    error = content.get("error", content)
    said = error.get("message") if isinstance(error, dict) else error
    return f": {' '.join(said.split())[:_SHOWN_CHARACTERS]}" if isinstance(said, str) and said.strip() else ""
