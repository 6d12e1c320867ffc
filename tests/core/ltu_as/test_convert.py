"""The authors' files become one model folder that gives the same logits; anything odd about them is refused."""

import hashlib
import io
import json
import os
import pickle
import resource
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.errors import ModelError, UsageError
from core.ltu_as import LTUAS
from core.ltu_as.config import LlamaConfig, LoraConfig, TLTRConfig
from core.ltu_as.convert import convert
from core.ltu_as.tiny import tiny_config, tiny_tokenizer
from tests.core.ltu_as.published import change, published_name, write_published

LORA = "model.layers.0.self_attn.q_proj.lora_A.weight"


@pytest.fixture(scope="module")
def model() -> LTUAS:
    """Tiny, with what the published files take for granted: Whisper's proportions, TLTR's heads, LoRA's alpha."""
    config = tiny_config(tiny_tokenizer().vocab_size)
    config = replace(
        config, whisper=replace(config.whisper, ffn=4 * config.whisper.d_model), tltr=TLTRConfig(), lora=LoraConfig(r=4)
    )
    published = LTUAS(config, tiny_tokenizer())
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in published.named_parameters():
            if "embed_positions" not in name:
                parameter.copy_(torch.randn(parameter.shape) / max(parameter.shape[-1] ** 0.5, 2))
    return published.eval()


@pytest.fixture
def files(model, tmp_path):
    return write_published(model, tmp_path / "published")


def test_the_converted_model_gives_the_same_logits_as_the_original_with_adapters(model, files, tmp_path):
    convert(**files, out=tmp_path / "out")
    converted = LTUAS.from_pretrained(tmp_path / "out")
    sound = np.random.default_rng(0).integers(-9000, 9000, 40_000).astype(np.int16)
    ids = torch.tensor([model.tokenizer.encode("### Instruction:\nWhat do you hear?")])
    with torch.inference_mode():
        expected = model(ids, model.features([sound]))
        actual = converted(ids, converted.features([sound]))
    assert torch.equal(converted.features([sound]), model.features([sound]))
    assert float((actual - expected).abs().max()) < 1e-4
    assert converted.config.lora is None
    assert converted.config.name == "ltu-as"


def test_the_manifest_holds_checksums_of_what_went_in_and_came_out(files, tmp_path):
    convert(**files, out=tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["sources"]["large-v1.pt"] == hashlib.sha256(files["whisper"].read_bytes()).hexdigest()
    assert len(manifest["sources"]) == 4
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    made = {path.name for path in (tmp_path / "out").iterdir()} - {"manifest.json"}
    assert made == set(manifest["files"])


@pytest.mark.parametrize(("name", "dtype"), [("a6", "float16"), ("old_gpu", "float32"), ("ori_paper", "float32")])
def test_the_checkpoint_is_paired_with_the_precision_of_its_features(files, tmp_path, name, dtype):
    renamed = files["ltu_as"].rename(files["ltu_as"].with_name(f"ltuas_{name}.bin"))
    convert(**files | {"ltu_as": renamed}, out=tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["feature_dtype"] == dtype


def test_half_precision_shards_stay_half_precision(files, tmp_path):
    for shard in files["base"].glob("*.bin"):
        torch.save({name: t.half() for name, t in torch.load(shard, weights_only=True).items()}, shard)
    convert(**files, out=tmp_path / "out")
    shards = [load_file(path) for path in sorted((tmp_path / "out").glob("*.safetensors"))]
    kinds = {name.split(".")[0]: tensor.dtype for shard in shards for name, tensor in shard.items()}
    assert kinds["llama"] == torch.float16
    assert kinds["audio_encoder"] == torch.float32


def test_a_base_model_in_one_safetensors_file_or_an_old_pickle_is_taken_too(files, tmp_path):
    from safetensors.torch import save_file

    whole = {}
    for shard in files["base"].glob("*.bin"):
        whole |= torch.load(shard, weights_only=True)
        shard.unlink()
    (files["base"] / "pytorch_model.bin.index.json").unlink()
    save_file(whole, files["base"] / "model.safetensors")
    convert(**files, out=tmp_path / "one")
    (files["base"] / "model.safetensors").unlink()
    torch.save(whole, files["base"] / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    convert(**files, out=tmp_path / "two")
    one, two = (LTUAS.from_pretrained(tmp_path / name).state_dict() for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_transcriber_is_copied_along_and_named(files, tmp_path):
    folder = tmp_path / "whisper-large-v2"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    convert(**files, transcriber=folder, out=tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (tmp_path / "out" / config["transcriber"]["folder"] / "config.json").exists()


def change_whisper(path, part, **changes):
    checkpoint = torch.load(path, weights_only=True)
    checkpoint[part] = {k: v for k, v in (checkpoint[part] | changes).items() if v is not None}
    torch.save(checkpoint, path)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-300])


INDEX = "pytorch_model.bin.index.json"
POSITIONS = "encoder.positional_embedding"
SHARD = "pytorch_model-00001-of-00002.bin"
BIAS = "base_model__model__model__audio_proj__1__bias"
Q_A = published_name(f"llama.{LORA}").replace(".", "__")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: truncate(f["ltu_as"]), ["ltuas_long_noqa_a6.bin", "truncated"]),
        (lambda f: truncate(f["whisper"]), ["large-v1.pt", "truncated"]),
        (lambda f: truncate(f["base"] / SHARD), [SHARD, "truncated"]),
        (lambda f: (f["base"] / SHARD).unlink(), [SHARD, "not in the folder"]),
        (lambda f: (f["base"] / "config.json").write_text("{}"), ["config.json"]),
        (lambda f: (f["base"] / "tokenizer.json").unlink(), ["tokenizer.json"]),
        (lambda f: change(f["ltu_as"], **{Q_A: torch.ones(4, 31)}), ["adapter", "q_proj"]),
        (lambda f: change(f["ltu_as"], **{Q_A: None}), ["adapter", "q_proj"]),
        (
            lambda f: change(f["ltu_as"], **{BIAS: torch.ones(31)}),
            ["ltuas_long_noqa_a6.bin", "audio_proj.1.bias", "[31]", "[32]"],
        ),
        (lambda f: change(f["ltu_as"], **{BIAS: None}), ["audio_proj.1.bias", "missing"]),
        (lambda f: change(f["ltu_as"], something__else=torch.ones(3)), ["ltuas_long_noqa_a6.bin", "something.else"]),
        (
            lambda f: change(f["base"] / SHARD, model__layers__7__self_attn__q_proj__weight=torch.ones(3)),
            [SHARD, "layers.7", "unexpected"],
        ),
        (lambda f: change(f["base"] / SHARD, lm_head__weight=torch.full((1,), float("nan"))), [SHARD, "lm_head"]),
        (lambda f: change(f["base"] / SHARD, lm_head__weight=None, model__norm__weight=None), ["missing"]),
        (lambda f: torch.save({"a": 1}, f["whisper"]), ["large-v1.pt"]),
        (lambda f: torch.save({"dims": 1, "model_state_dict": 2}, f["whisper"]), ["large-v1.pt"]),
        (lambda f: change_whisper(f["whisper"], "dims", n_mels=128), ["large-v1.pt", "128 mel"]),
        (lambda f: change_whisper(f["whisper"], "dims", n_audio_head=3), ["large-v1.pt", "whisper.heads"]),
        (lambda f: change_whisper(f["whisper"], "model_state_dict", **{POSITIONS: None}), ["large-v1.pt"]),
        (lambda f: (f["base"] / INDEX).write_text('{"weight_map": [1]}'), [INDEX]),
        (lambda f: torch.save([1, 2], f["ltu_as"]), ["ltuas_long_noqa_a6.bin"]),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_one_line_and_nothing_is_left_behind(files, tmp_path, damage, words):
    damage(files)
    with pytest.raises(ModelError) as caught:
        convert(**files, out=tmp_path / "out")
    line = caught.value.one_line()
    for word in words:
        assert word in line, line
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob("out*"))


PAGE = b"<!DOCTYPE html>\n<html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.mark.parametrize("which", ["ltu_as", "whisper", SHARD, "model.safetensors", "tokenizer.model"])
@pytest.mark.parametrize(("content", "said"), [(PAGE, "a web page, not "), (POINTER, "a Git LFS pointer, not ")])
def test_a_page_or_a_pointer_in_place_of_weights_is_called_that(files, tmp_path, which, content, said):
    path = files.get(which, files["base"] / which)
    if which == "model.safetensors":
        (files["base"] / INDEX).unlink()
    path.write_bytes(content)
    with pytest.raises(ModelError, match=said) as caught:
        convert(**files, out=tmp_path / "out")
    assert path.name in caught.value.one_line()
    assert "program" not in caught.value.one_line()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"weights", "as torch.save writes"), (pickle.dumps({"a": 1}), "as torch.save writes")],
)
def test_what_is_no_file_of_torch_is_not_called_dangerous(files, tmp_path, content, said):
    files["ltu_as"].write_bytes(content)
    with pytest.raises(ModelError, match=said):
        convert(**files, out=tmp_path / "out")


@pytest.mark.parametrize("name", ["../elsewhere.bin", "/etc/passwd", "sub/shard.bin"])
def test_an_index_that_leads_out_of_its_folder_is_refused_before_anything_is_opened(files, tmp_path, name, monkeypatch):
    monkeypatch.setattr("core.ltu_as.convert.torch.load", None)
    (files["base"] / INDEX).write_text(json.dumps({"weight_map": {"lm_head.weight": name}}))
    with pytest.raises(ModelError, match="not right beside it") as caught:
        convert(**files, out=tmp_path / "out")
    assert name in caught.value.one_line()


def test_byte_order_marks_change_nothing(files, tmp_path):
    for name in ("config.json", INDEX, "tokenizer.json"):
        path = files["base"] / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    convert(**files, out=tmp_path / "out")


class Canary:
    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.fault(15, "pickle that makes a folder")
def test_a_pickle_that_would_run_a_program_does_not_run_it(files, tmp_path):
    torch.save({"x": Canary(tmp_path / "canary")}, files["ltu_as"])
    with pytest.raises(ModelError, match="refused"):
        convert(**files, out=tmp_path / "out")
    assert not (tmp_path / "canary").exists()


@pytest.mark.fault(15, "checkpoint of 100 kB that unpacks to 100 MB: {part}")
@pytest.mark.parametrize("part", ["data.pkl", "data/0"])
def test_a_checkpoint_that_is_compressed_is_refused_before_it_is_unpacked(files, tmp_path, part):
    """A pickle of any length is in its pack, and tensors that are mapped would be read as they are packed."""
    whole = zipfile.ZipFile(io.BytesIO(files["ltu_as"].read_bytes()))
    with zipfile.ZipFile(files["ltu_as"], "w") as bomb:
        for name in whole.namelist():
            if name.endswith(f"/{part}"):
                bomb.writestr(name, b"\x80\x02" + bytes(100_000_000), zipfile.ZIP_DEFLATED)
            else:
                bomb.writestr(name, whole.read(name))
    before_mb = peak_mb()
    with pytest.raises(ModelError, match="it is compressed"):
        convert(**files, out=tmp_path / "out")
    assert peak_mb() - before_mb < 50


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_missing_inputs_and_a_folder_in_use_are_usage_errors(files, tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        convert(**files | {"whisper": tmp_path / "none.pt"}, out=tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="cannot be made"):
        convert(**files, out=tmp_path / "published" / "large-v1.pt" / "out")
    with pytest.raises(UsageError, match="not empty"):
        convert(**files, out=tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"


def test_every_error_of_the_command_is_one_line_with_an_exit_status(files, tmp_path):
    truncate(files["whisper"])
    words = [f"--{name.replace('_', '-')}={path}" for name, path in files.items()]
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "convert", *words, "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "large-v1.pt" in done.stderr


MEASURE = """
import resource, sys
from pathlib import Path
from core.ltu_as.convert import convert
base, ltu_as, whisper, out = map(Path, sys.argv[1:])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
convert(base=base, ltu_as=ltu_as, whisper=whisper, out=out)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.slow
def test_peak_memory_stays_below_twice_the_largest_shard(model, tmp_path):
    sizes = LlamaConfig(
        vocab_size=410, hidden_size=640, intermediate_size=1792, num_hidden_layers=12, num_attention_heads=8
    )
    large = LTUAS(replace(model.config, llama=sizes), model.tokenizer)
    files = write_published(large, tmp_path / "published", n_shards=6)
    shards = [path.stat().st_size for path in files["base"].glob("*.bin")]
    assert sum(shards) > 5 * max(shards), "holding the whole model would show"
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, files.values()), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 2 * max(shards)
