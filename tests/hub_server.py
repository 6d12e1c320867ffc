"""A small hub of models on 127.0.0.1, which speaks as much of the Hugging Face hub's protocol as a download needs."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@dataclass
class Hub:
    """Repositories by their ids: file to bytes.

    Attributes:
        repositories: What there is.
        gated: Ids whose files are refused to everybody.
        claims: Files to sizes that are said of them, whatever they are.
        failing: Files to the status that a download of them ends with, once its header has been read.
        status: What everything is answered with, unless it is 200.
        breaks: Files whose connection is cut after so many bytes, once for each number in the list.
        asked: How often each path was asked for, by method.
    """

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    claims: dict[str, int] = field(default_factory=dict)
    failing: dict[str, int] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    status: int = 200

    def __enter__(self) -> Self:
        hub = self

        class Handler(_Handler):
            served = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


def use(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_ENDPOINT and HF_HUB_CACHE do to a process that starts with them."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def tiny_repository(config: Mapping[str, Any] | None = None) -> dict[str, bytes]:
    """Files of a model in two shards, of which `thinker.` hears; and much that nobody should fetch."""
    first = {"thinker.a": np.ones((4, 8), np.float16), "talker.b": np.ones((64, 64), np.float32)}
    second = {"thinker.c": np.zeros((16, 8), np.float16)}
    index = {"weight_map": dict.fromkeys(first, SHARDS[0]) | dict.fromkeys(second, SHARDS[1])}
    return {
        "config.json": json.dumps(config or {"model_type": "qwen2_audio"}).encode(),
        "README.md": b"---\nlicense: other\nlicense_name: acme-research\nlicense_link: LICENSE.md\n---\n# Tiny\n",
        "tokenizer.json": b"{}",
        "chat_template.jinja": b"{{ messages }}",
        "model.safetensors.index.json": json.dumps(index).encode(),
        SHARDS[0]: save(first),
        SHARDS[1]: save(second),
        "consolidated.safetensors": b"the same once more",
        "pytorch_model.bin": b"a pickle",
        "modeling_tiny.py": b"raise SystemExit",
        ".gitattributes": b"",
    }


class _Handler(BaseHTTPRequestHandler):
    served: Hub
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait for each other

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.served.asked[f"{self.command} {path}"] += 1
        if self.served.status != 200:
            return self._answer(self.served.status, b"")
        if path.startswith("/api/models/"):
            return self._api(path.removeprefix("/api/models/"))
        if path.startswith("/api/"):  # what else the client would like to know
            return self._answer(404, b"")
        owner, name, _, revision, file = path.removeprefix("/").split("/", 4)
        return self._file(f"{owner}/{name}", revision, file)

    def _api(self, path: str) -> None:
        owner, name, *rest = path.split("/")
        files = self.served.repositories.get(f"{owner}/{name}")
        if files is None:
            return self._refuse(401, "RepoNotFound")
        if rest[1:] and rest[1] not in {"main", COMMIT}:
            return self._refuse(404, "RevisionNotFound")
        if rest[:1] == ["tree"]:
            listed = [{"type": "file", "path": f, "size": len(d), "oid": _etag(d)} for f, d in files.items()]
            return self._answer(200, json.dumps(listed).encode())
        said = {file: self.served.claims.get(file, len(data)) for file, data in files.items()}
        siblings = [{"rfilename": file, "size": size, "blobId": _etag(files[file])} for file, size in said.items()]
        info = {"id": f"{owner}/{name}", "sha": COMMIT, "private": False, "tags": [], "downloads": 0, "likes": 0}
        return self._answer(200, json.dumps(info | {"siblings": siblings}).encode())

    def _file(self, repo_id: str, revision: str, file: str) -> None:
        files = self.served.repositories.get(repo_id)
        if files is None:
            return self._refuse(401, "RepoNotFound")
        if repo_id in self.served.gated:
            return self._refuse(401, "GatedRepo")
        if revision not in {"main", COMMIT}:
            return self._refuse(404, "RevisionNotFound")
        if file not in files:
            return self._refuse(404, "EntryNotFound")
        if file in self.served.failing and self.command == "GET" and "Range" not in self.headers:
            return self._answer(self.served.failing[file], b"")
        data = files[file]
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{_etag(data)}"', "Accept-Ranges": "bytes"}
        status = 200
        if wanted := self.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last) + 1 if last else len(data), len(data))
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(data)}"
            data, status = data[int(first) : end], 206
        return self._answer(status, data, headers, cut=self._cut(file))

    def _cut(self, file: str) -> int | None:
        cuts = self.served.breaks.get(file)
        return cuts.pop(0) if cuts and self.command == "GET" else None

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, b"", {"X-Error-Code": code})

    def _answer(
        self, status: int, data: bytes, headers: dict[str, str] | None = None, *, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[:cut])
        if cut is not None:
            self.close_connection = True


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
