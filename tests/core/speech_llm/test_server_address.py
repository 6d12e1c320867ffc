import pytest

from core.errors import UsageError
from core.settings import ModelSettings
from core.speech_llm.server_address import server_address


def address_of(name: str, **options: object):
    return server_address(ModelSettings(name=name, **options), {})


def refused(name: str, **options: object) -> str:
    with pytest.raises(UsageError) as error:
        address_of(name, **options)
    return error.value.one_line()


@pytest.mark.parametrize(
    ("name", "host", "port", "model", "url"),
    [
        (
            "openai:http://127.0.0.1:8000/Qwen/Qwen2-Audio",
            "127.0.0.1",
            8000,
            "Qwen/Qwen2-Audio",
            "http://127.0.0.1:8000",
        ),
        ("openai:http://localhost/m", "localhost", 80, "m", "http://localhost:80"),
        ("openai:http://[::1]:8000", "::1", 8000, "", "http://[::1]:8000"),
        ("openai:https://gpu.example/a%20b", "gpu.example", 443, "a b", "https://gpu.example:443"),
    ],
)
def test_a_name_holds_the_server_and_the_model(name, host, port, model, url):
    address = address_of(name)
    assert (address.host, address.port, address.model, address.url) == (host, port, model, url)


def test_plaintext_to_another_machine_is_refused_unless_the_settings_allow_it():
    line = refused("openai:http://gpu.example:8000/m")
    assert "others can hear what is said" in line
    assert "server_insecure" in line
    assert address_of("openai:http://gpu.example:8000/m", server_insecure=("plaintext",)).tls is None


def test_a_secret_in_the_address_is_refused_and_not_repeated():
    for name in ("openai:http://me:s3cret@127.0.0.1/m", "openai:https://s3cret@gpu.example/m"):
        line = refused(name)
        assert "s3cret" not in line
        assert "server_token_file" in line
    assert "s3cret" not in refused("openai:http://127.0.0.1/m?key=s3cret")


@pytest.mark.parametrize(
    "name",
    [
        "openai:",
        "openai:127.0.0.1:8000/m",
        "openai:ftp://x/m",
        "openai:http:///m",
        "openai:http://x:99999/m",
        "openai:http://[/m",
    ],
)
def test_what_is_no_address_is_refused(name):
    assert "is not the address of a model server" in refused(name)


def test_files_that_cannot_be_used_are_named_by_their_setting(tmp_path):
    (tmp_path / "ca").write_text("no PEM")
    https = "openai:https://gpu.example/m"
    assert "model.server_ca_file: cannot use" in refused(https, server_ca_file=str(tmp_path / "ca"))
    assert "model.server_ca_file: cannot read" in refused(https, server_ca_file=str(tmp_path / "none"))
    assert "not encrypted" in refused("openai:http://127.0.0.1/m", server_ca_file=str(tmp_path / "ca"))
    assert "model.server_token_file" in refused(https, server_token_file=str(tmp_path / "none"))
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "empty").chmod(0o600)
    assert "holds no token" in refused(https, server_token_file=str(tmp_path / "empty"))


def test_a_token_is_not_part_of_what_is_printed():
    address = server_address(
        ModelSettings(name="openai:https://gpu.example/m"), {"EMOTION_MONITOR_MODEL__SERVER_TOKEN": "s3cret"}
    )
    assert address.token == "s3cret"  # noqa: S105
    assert "s3cret" not in repr(address)


@pytest.mark.parametrize("token", ["two\nlines s3cret", "\u00e9s3cret"])
def test_what_is_no_token_is_refused_and_not_repeated(token):
    with pytest.raises(UsageError, match="MODEL__SERVER_TOKEN holds no token") as error:
        server_address(ModelSettings(name="openai:https://x/m"), {"EMOTION_MONITOR_MODEL__SERVER_TOKEN": token})
    assert "s3cret" not in error.value.one_line()
