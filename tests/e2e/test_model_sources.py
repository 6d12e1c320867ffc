"""Where a speech LLM comes from, through the whole program: a hub, then this machine alone; or a server."""

import pytest

from core.ltu_as.checkpoint import folder_sha256
from tests.hub_server import COMMIT, Hub
from tests.model_server import ModelServer
from tests.program import SAMPLE, run
from tests.tiny_speech_llms import SAVERS

LISTEN = (
    "run", "--source", f"file:{SAMPLE}", "--headless", "--sink", "jsonl", "--mqtt", "off", "--speed", "max",
    "--device", "cpu",
)  # fmt: skip


def test_a_model_of_the_hub_is_fetched_by_the_terminal_and_read_by_a_process_without_network(tmp_path):
    SAVERS["qwen2_audio"](tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with Hub({"acme/tiny-audio": files | {"modeling_tiny.py": b"raise SystemExit", "pytorch_model.bin": b""}}) as hub:
        env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
        done = run(*LISTEN, "--model", "hf:acme/tiny-audio", env=env)
    assert done.code == 0, done.err
    assert "fetching hf:acme/tiny-audio: 100% of " in done.err
    assert len(done.events) >= 5
    assert {event["model"]["name"] for event in done.events} == {"acme/tiny-audio"}
    assert {event["model"]["sha256"] for event in done.events} == {folder_sha256(tmp_path)}
    assert not any("modeling_tiny" in path or "pytorch_model" in path for path in hub.asked)
    assert any(COMMIT in path for path in hub.asked)


def test_a_model_on_a_server_is_asked_by_the_inference_process():
    with ModelServer(token="s3cret") as server:  # noqa: S106
        done = run(*LISTEN, "--model", server.model, env={"EMOTION_MONITOR_MODEL__SERVER_TOKEN": "s3cret"})
        assert done.code == 0, done.err
        assert "s3cret" not in done.err + done.out
        assert len(done.events) >= 5
        for event in done.events:
            assert event["model"] | {"prompt": "single"} == event["model"]
            assert (event["model"]["name"], event["model"]["readout"]) == (f"openai:{server.name}", "seq_logprob")
            assert sum(event["distribution"].values()) == pytest.approx(1)
        refused = run(*LISTEN, "--model", server.model)
    assert refused.code == 1
    assert "it wants a token" in refused.err.splitlines()[-1]
