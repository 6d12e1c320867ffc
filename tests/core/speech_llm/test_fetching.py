import pytest

from core.errors import ModelError, UsageError
from core.settings import ModelSettings
from core.speech_llm.fetching import prepare
from core.speech_llm.hub import local_snapshot
from tests.hub_server import Hub, tiny_repository, use

NAME = "hf:acme/tiny-audio"


@pytest.fixture(scope="module")
def hub():
    with Hub({"acme/tiny-audio": tiny_repository()}) as hub:
        yield hub


def test_without_a_terminal_lines_tell_how_far_the_download_is_and_nothing_the_second_time(
    hub, tmp_path, monkeypatch, capsys
):
    use(hub, tmp_path, monkeypatch)
    prepare(ModelSettings(name=NAME))
    said = capsys.readouterr()
    assert said.out == ""
    first, *_, last = said.err.splitlines()
    assert first.startswith(f"fetching {NAME}: ")
    assert last == f"fetching {NAME}: 100% of 0.0 MB"
    prepare(ModelSettings(name=NAME))
    assert capsys.readouterr().err == ""
    assert local_snapshot(NAME).is_dir()


def test_what_is_bounded_to_too_little_memory_is_not_fetched(hub, tmp_path, monkeypatch):
    use(hub, tmp_path, monkeypatch)
    with pytest.raises(ModelError, match=r"may take 1\.0 GB by worker\.memory_mb"):
        prepare(ModelSettings(name=NAME, device="cpu"), memory_mb=1000)
    with pytest.raises(UsageError, match="not on this machine"):
        local_snapshot(NAME)


def test_models_of_other_kinds_are_not_asked_about(tmp_path):
    prepare(ModelSettings(name="ltu-as-mini"))
    prepare(ModelSettings(name=str(tmp_path / "none")))
    with pytest.raises(UsageError, match="not the address"):
        prepare(ModelSettings(name="openai:nonsense"))


def test_an_installation_that_only_hears_says_what_to_do(monkeypatch):
    monkeypatch.setattr("core.speech_llm.fetching.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="huggingface_hub is not installed here") as refused:
        prepare(ModelSettings(name="hf:someone/something"))
    assert "--worker URL" in refused.value.hint
