import pytest

from core.errors import UsageError
from core.speech_llm.hub import local_snapshot
from offline_eval.runs.run import model_folder
from tests.hub_server import Hub, tiny_repository, use


def test_a_model_of_the_hub_is_fetched_and_is_then_its_snapshot(tmp_path, monkeypatch):
    with Hub({"acme/tiny-audio": tiny_repository()}) as hub:
        use(hub, tmp_path, monkeypatch)
        with model_folder("hf:acme/tiny-audio") as folder:
            assert folder == local_snapshot("hf:acme/tiny-audio")


def test_a_server_is_refused_since_it_gives_no_logits():
    with pytest.raises(UsageError, match="gives no logits"), model_folder("openai:http://127.0.0.1:8000/m"):
        pass
