import subprocess

import pytest

from core.settings_file import load_settings
from core.speech_llm.size import Memory, Size
from monitor.model_check import check_model, fits
from tests.hub_server import Hub, tiny_repository, use
from tests.program import command, environment

NAME = "hf:acme/tiny-audio"


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch):
    with Hub({"acme/tiny-audio": tiny_repository()}) as hub:
        use(hub, tmp_path, monkeypatch)
        yield hub


def settings(name: str, **sections: object):
    return load_settings(environ={}, flags={"model": {"name": name, "device": "cpu"}, **sections})


def test_a_model_of_the_hub_is_told_of_before_its_weights_are_fetched(hub):
    checked = check_model(settings(NAME))
    weights, memory, licence = checked.findings
    assert not checked.loadable
    assert "0.00 billion parameters" in weights.text
    assert f"not here yet: `emotion-monitor run --model {NAME}` fetches" in weights.text
    assert "fits" in memory.text
    assert licence.text.startswith("acme-research (LICENSE.md): ")
    assert not any("tokenizer.json" in path for path in hub.asked)


def test_one_that_does_not_fit_or_does_not_exist_fails_in_one_line():
    checked = check_model(settings(NAME, worker={"memory_mb": 1000}))
    assert [finding.verdict for finding in checked.findings] == ["note", "FAIL", "ok"]
    (finding,) = check_model(settings("hf:acme/none")).findings
    assert (finding.verdict, "no such model" in finding.text) == ("FAIL", True)


def test_a_folder_in_the_published_layout_is_measured_where_it_lies(tmp_path):
    for name, data in tiny_repository().items():
        (tmp_path / name).write_bytes(data)
    checked = check_model(settings(str(tmp_path)))
    assert checked.loadable
    assert str(tmp_path) in checked.findings[0].text
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    checked = check_model(settings(str(tmp_path)))
    assert not checked.loadable
    assert "there is no audio in this model" in checked.findings[0].text


def test_the_program_itself_asks_the_hub_that_the_environment_names(hub, tmp_path):
    environ = environment({"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")})
    words = command("doctor", "--model", NAME, "--mqtt", "off")
    said = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert f"`emotion-monitor run --model {NAME}` fetches" in said.stdout
    assert "acme-research" in said.stdout
    assert said.stderr == ""


def test_whether_it_fits_is_said_in_words():
    size = Size(parameters=8 * 10**9, stored_bytes=16 * 10**9, largest_bytes=10**9)
    machine = Memory(usable_bytes=int(28.8e9), of="of this machine's 32.0 GB", bytes_each=2)
    said = fits(size, machine, free_bytes=30 * 10**9)
    words = "needs some 19.0 GB with room to work in, and may take 28.8 GB of this machine's 32.0 GB"
    assert (said.verdict, said.text) == ("ok", f"{words}: it fits")
    assert fits(size, machine, free_bytes=10**9).text == f"{words}: it fits, but only 1.0 GB are free now"
    small = Memory(usable_bytes=int(14.4e9), of="of this machine's 16.0 GB")
    assert fits(size, small, free_bytes=10**9).verdict == "FAIL"


def test_of_other_models_there_is_nothing_to_say_and_of_a_server_where_it_is():
    assert check_model(settings("ltu-as-mini")).findings == ()
    (here,) = check_model(settings("openai:http://127.0.0.1:8000/m")).findings
    assert (here.verdict, here.text) == ("ok", "http://127.0.0.1:8000, on this machine")
    (away,) = check_model(settings("openai:https://gpu.example/m")).findings
    assert (away.verdict, "is sent all sound" in away.text) == ("note", True)
