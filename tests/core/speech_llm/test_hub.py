"""Against a hub of our own, by real HTTP: what is fetched, what is refused, what stays here."""

import os
import shutil
import signal
from contextlib import contextmanager

import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

from core.errors import EmotionMonitorError, ModelError, UsageError
from core.ltu_as.checkpoint import folder_sha256
from core.speech_llm.hub import download, local_snapshot, look
from core.speech_llm.size import Memory, folder_size
from tests.hub_server import COMMIT, SHARDS, Hub, tiny_repository, use

NAME = "hf:acme/tiny-audio"
FETCHED = {"config.json", "README.md", "tokenizer.json", "chat_template.jinja", "model.safetensors.index.json", *SHARDS}


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch):
    with Hub({"acme/tiny-audio": tiny_repository()}) as hub:
        use(hub, tmp_path / "hub", monkeypatch)
        yield hub


@contextmanager
def refused(kind: type[EmotionMonitorError], *words: str):
    with pytest.raises(kind) as error:
        yield
    line = error.value.one_line()
    assert all(word in line for word in words), line
    assert "\n" not in line


def quiet(done: int, of: int) -> None:
    pass


def test_what_is_fetched_is_weights_texts_and_templates_and_never_pickles_or_code(hub):
    folder = download(NAME, quiet)
    names = {path.name for path in folder.iterdir()}
    assert names == FETCHED
    asked = " ".join(hub.asked)
    assert not any(name in asked for name in ("pytorch_model.bin", "modeling_tiny.py", "consolidated"))


def test_progress_is_told_in_bytes_up_to_all_that_is_to_be_fetched(hub):
    told = []
    to_come = look(NAME).download_bytes
    files = hub.repositories["acme/tiny-audio"]
    looked_at = {"config.json", "README.md"}
    assert to_come == sum(len(data) for name, data in files.items() if name in FETCHED - looked_at)
    download(NAME, lambda done, of: told.append((done, of)))
    assert told[-1] == (to_come, to_come)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_is_here_is_used_without_asking_the_hub(hub, monkeypatch):
    folder = download(NAME, quiet)
    hub.asked.clear()
    assert download(NAME, quiet) == local_snapshot(NAME) == folder
    assert download(f"{NAME}@{COMMIT}", quiet) == folder
    assert not hub.asked
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert download(NAME, quiet) == folder


def test_what_is_not_here_is_said_with_the_command_that_fetches_it(hub):
    with refused(UsageError, "not on this machine", f"`emotion-monitor run --model {NAME}`"):
        local_snapshot(NAME)
    assert not hub.asked


def test_half_a_snapshot_does_not_count_and_only_the_other_half_is_fetched(hub):
    folder = download(NAME, quiet)
    (folder / SHARDS[1]).resolve().unlink()
    (folder / SHARDS[1]).unlink()
    with refused(UsageError, "only in part"):
        local_snapshot(NAME)
    hub.asked.clear()
    download(NAME, quiet)
    fetched = [path for path in hub.asked if path.endswith(".safetensors") and path.startswith("GET")]
    assert {path.rpartition("/")[2] for path in fetched} >= {SHARDS[1]}
    assert hub.asked[f"GET /acme/tiny-audio/resolve/{COMMIT}/{SHARDS[0]}"] == 1  # its header, for the size


def test_a_connection_that_breaks_off_is_taken_up_where_it_broke(hub):
    hub.breaks[SHARDS[0]] = [10**9, 500]  # the look at its header; then the download
    folder = download(NAME, quiet)
    assert (folder / SHARDS[0]).read_bytes() == hub.repositories["acme/tiny-audio"][SHARDS[0]]


def test_weights_behind_symlinks_are_hashed_as_the_files_themselves(tmp_path):
    folder = download(NAME, quiet)
    assert (folder / SHARDS[0]).is_symlink()
    copy = shutil.copytree(folder, tmp_path / "copy", symlinks=False)
    assert not (copy / SHARDS[0]).is_symlink()
    assert folder_sha256(folder) == folder_sha256(copy)
    (copy / "README.md").write_text("another card")
    assert folder_sha256(folder) == folder_sha256(copy)
    (copy / SHARDS[1]).write_bytes(save({"thinker.c": np.ones((16, 8), np.float16)}))
    assert folder_sha256(folder) != folder_sha256(copy)


def test_a_look_tells_size_and_licence_without_fetching_weights():
    offer = look(NAME)
    assert offer.licence == "acme-research (LICENSE.md)"
    assert (offer.size.parameters, offer.size.stored_bytes) == (32 + 4096 + 128, 64 + 4 * 4096 + 256)
    assert offer.commit == COMMIT
    assert offer.size == folder_size(download(NAME, quiet))


def test_of_a_model_that_also_speaks_only_what_hears_counts(hub):
    hub.repositories["acme/tiny-audio"] = tiny_repository({"model_type": "qwen2_5_omni"})
    assert look(NAME).size.parameters == 32 + 128


def test_a_model_that_does_not_fit_is_refused_before_its_weights_are_fetched(hub):
    with refused(ModelError, NAME, "needs some 2.0 GB", "may take 1.0 GB of this machine's 1.1 GB"):
        download(NAME, quiet, memory=Memory(usable_bytes=10**9, of="of this machine's 1.1 GB"))
    assert not any(path.endswith(".json") and "tokenizer" in path for path in hub.asked)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "llama"}, ["there is no audio in this model", "'llama'"]),
        ({"model_type": "gemma4", "audio_config": None}, ["no audio in this Gemma 4"]),
        ({"model_type": "phi4mm", "auto_map": {"AutoModel": "x.Y"}}, ["code that comes with a model is never run"]),
        ({"model_type": "qwen2_audio", "quantization_config": {}}, ["quantised"]),
        ({"no": "type"}, ["not the configuration of a model"]),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_config_before_anything_else_is_fetched(hub, config, words):
    hub.repositories["acme/tiny-audio"] = tiny_repository(config)
    with refused(ModelError, *words):
        download(NAME, quiet)
    assert {path.rpartition("/")[2] for path in hub.asked if "/resolve/" in path} == {"config.json"}


def test_pickles_alone_are_refused_with_the_reason(hub):
    files = tiny_repository()
    hub.repositories["acme/tiny-audio"] = {name: data for name, data in files.items() if "safetensors" not in name}
    with refused(ModelError, "pickles only (pytorch_model.bin)", "may run anything"):
        download(NAME, quiet)


def test_what_is_called_safetensors_and_is_something_else_is_refused(hub):
    hub.repositories["acme/tiny-audio"][SHARDS[0]] = b"\x80\x04" + 100 * b"pickle"
    with refused(ModelError, "no safetensors, whatever they are called"):
        look(NAME)


def test_no_such_model_revision_or_config_is_one_line_each(hub):
    with refused(UsageError, "no such model", hub.url, "HF_TOKEN"):
        download("hf:acme/none", quiet)
    with refused(UsageError, "no such revision"):
        download(f"{NAME}@v9", quiet)
    del hub.repositories["acme/tiny-audio"]["config.json"]
    with refused(ModelError, "has no config.json"):
        download(NAME, quiet)


def test_a_gated_model_says_how_to_get_in(hub):
    hub.gated.add("acme/tiny-audio")
    with refused(ModelError, "gated", f"{hub.url}/acme/tiny-audio", "hf auth login", "HF_TOKEN"):
        download(NAME, quiet)


def test_offline_and_not_here_says_so(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with refused(UsageError, "HF_HUB_OFFLINE forbids"):
        download(NAME, quiet)
    assert not hub.asked


def test_a_hub_that_fails_or_is_not_there_is_one_line(hub, monkeypatch):
    hub.status = 418
    with refused(ModelError, "answered 418"):
        look(NAME)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with refused(ModelError, "cannot be fetched from http://127.0.0.1:9"):
        look(NAME)


def test_a_disk_without_room_is_said_before_anything_is_fetched(hub):
    hub.claims["tokenizer.json"] = 10**18
    with refused(ModelError, "1000000000.0 GB are to be fetched", "has room for", "HF_HOME"):
        download(NAME, quiet)
    assert not any("tokenizer.json" in path for path in hub.asked)


def test_a_download_that_fails_goes_on_with_the_files_that_are_missing(hub):
    hub.failing[SHARDS[1]] = 503
    with refused(ModelError, "answered 503", "goes on where it stopped"):
        download(NAME, quiet)
    hub.failing.clear()
    before = hub.asked[f"GET /acme/tiny-audio/resolve/{COMMIT}/{SHARDS[0]}"]
    download(NAME, quiet)
    assert hub.asked[f"GET /acme/tiny-audio/resolve/{COMMIT}/{SHARDS[0]}"] == before + 1  # its header, for the size


def test_an_interruption_does_not_wait_for_files_that_were_begun(hub, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.repositories["acme/tiny-audio"]["tokenizer.json"] = bytes(10_000_000)
    told = []

    def interrupt(done: int, of: int) -> None:
        told.append((done, of))
        if len(told) == 1:
            os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does

    with pytest.raises(KeyboardInterrupt):
        download(NAME, interrupt)
    assert len(told) < 5000
    with refused(UsageError, "only in part"):
        local_snapshot(NAME)
    assert download(NAME, quiet) == local_snapshot(NAME)
