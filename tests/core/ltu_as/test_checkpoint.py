import hashlib
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import ModelError
from core.ltu_as.checkpoint import folder_sha256, stored_dtype
from core.ltu_as.model import LTUAS
from core.ltu_as.tensor_names import from_hf_whisper, from_published, from_whisper
from core.ltu_as.tiny import save_tiny, tiny_model
from core.ltu_as.weight_files import INDEX_NAME, WEIGHTS_NAME

A_TENSOR = "llama.model.layers.1.mlp.up_proj.weight"


@pytest.fixture
def folder(tmp_path):
    save_tiny(tmp_path)
    return tmp_path


@pytest.fixture
def change(folder):
    """Rewrites the weights file with changed tensors."""

    def rewrite(**changes):
        tensors = load_file(folder / WEIGHTS_NAME) | changes
        kept = {name: t.contiguous() for name, t in tensors.items() if t is not None}
        (folder / WEIGHTS_NAME).unlink()
        save_file(kept, folder / WEIGHTS_NAME)

    return rewrite


def test_what_is_saved_is_what_is_loaded(folder):
    saved, loaded = tiny_model().state_dict(), LTUAS.from_pretrained(folder, merge=False).state_dict()
    assert saved.keys() == loaded.keys()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)


def test_a_loaded_model_computes_what_the_saved_one_does(folder):
    ids = torch.tensor([[1, 300, 301]])
    torch.testing.assert_close(LTUAS.from_pretrained(folder)(ids), tiny_model()(ids), rtol=0, atol=1e-4)


def test_merging_leaves_no_adapter_and_says_so_when_saved(folder, tmp_path):
    merged = LTUAS.from_pretrained(folder)
    assert not [name for name in merged.state_dict() if "lora" in name]
    merged.save_pretrained(tmp_path / "merged")
    again = LTUAS.from_pretrained(tmp_path / "merged")
    assert again.config.lora is None
    ids = torch.tensor([[1, 300, 301]])
    assert torch.equal(again(ids), merged(ids))


def test_no_other_file_is_left_and_everyone_may_read(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in folder.iterdir())


def refused(folder, *words):
    with pytest.raises(ModelError) as error:
        LTUAS.from_pretrained(folder)
    line = error.value.one_line()
    assert all(word in line for word in words), line


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    refused(folder, name, "no such file")


@pytest.mark.parametrize("size", [0, 5, 1000, -100])
@pytest.mark.fault(14, "weights cut short")
def test_a_truncated_weights_file_is_named(folder, size):
    data = (folder / WEIGHTS_NAME).read_bytes()
    (folder / WEIGHTS_NAME).unlink()
    (folder / WEIGHTS_NAME).write_bytes(data[:size])
    refused(folder, WEIGHTS_NAME, "not readable as safetensors")


def test_a_tokenizer_with_more_pieces_than_the_model_is_refused(folder):
    text = (folder / "tokenizer.json").read_text()
    values = json.loads(text)
    values["added_tokens"].append(values["added_tokens"][0] | {"id": len(values["model"]["vocab"]), "content": "<pad>"})
    (folder / "tokenizer.json").write_text(json.dumps(values))
    refused(folder, "tokenizer.json", "411 pieces, the model knows 410")


@pytest.mark.fault(14, "tensor missing")
def test_a_missing_tensor_is_named(folder, change):
    change(**{A_TENSOR: None})
    refused(folder, A_TENSOR, "is missing")


def test_an_unexpected_tensor_is_named(folder, change):
    change(surplus=torch.zeros(1))
    refused(folder, WEIGHTS_NAME, "unexpected tensor surplus")


@pytest.mark.fault(14, "wrong shape")
def test_a_mis_shaped_tensor_is_named_with_both_shapes(folder, change):
    change(**{A_TENSOR: torch.zeros(3, 4)})
    refused(folder, WEIGHTS_NAME, A_TENSOR, "[3, 4]", "[64, 32]")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.fault(14, "NaN and infinity in the weights")
def test_a_tensor_that_is_not_finite_is_named(folder, change, value):
    tensor = torch.zeros(64, 32)
    tensor[63, 31] = value
    change(**{A_TENSOR: tensor})
    refused(folder, WEIGHTS_NAME, A_TENSOR, "not finite")


def test_weights_too_large_for_half_precision_are_named(folder, change):
    change(**{A_TENSOR: torch.full((64, 32), 70_000.0)})
    LTUAS.from_pretrained(folder)
    with pytest.raises(ModelError, match="not finite as float16"):
        LTUAS.from_pretrained(folder, dtype="float16")


def test_only_the_language_model_is_half_precision(folder):
    model = LTUAS.from_pretrained(folder, dtype="bfloat16", merge=False)
    half = {name for name, tensor in model.state_dict().items() if tensor.dtype == torch.bfloat16}
    assert half == {name for name in model.state_dict() if name.startswith("llama.") and ".lora_" not in name}
    assert model(torch.tensor([[1, 300]]), torch.zeros(1, 2, 25, 16)).dtype == torch.bfloat16


@pytest.fixture
def sharded(folder):
    """The weights in two files with an index."""
    tensors = load_file(folder / WEIGHTS_NAME)
    (folder / WEIGHTS_NAME).unlink()
    names = sorted(tensors)
    weight_map = {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        file = f"model-{number:05d}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    (folder / INDEX_NAME).write_text(json.dumps({"weight_map": weight_map}))
    return folder


def test_shards_make_the_same_model_as_one_file(sharded):
    saved, loaded = tiny_model().state_dict(), LTUAS.from_pretrained(sharded, merge=False).state_dict()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)


def test_a_missing_shard_is_named(sharded):
    (sharded / "model-00002-of-00002.safetensors").unlink()
    refused(sharded, INDEX_NAME, "model-00002-of-00002.safetensors is not in the folder")


@pytest.mark.parametrize("name", ["../model-00001-of-00002.safetensors", "/model.safetensors", "a/../b", "..", "."])
def test_an_index_that_leads_out_of_the_folder_is_refused_before_anything_is_opened(sharded, name, monkeypatch):
    monkeypatch.setattr("core.ltu_as.checkpoint.safe_open", None)
    (sharded / INDEX_NAME).write_text(json.dumps({"weight_map": {"a": name}}))
    refused(sharded, INDEX_NAME, name, "not")


@pytest.mark.parametrize("name", [WEIGHTS_NAME, "tokenizer.json"])
@pytest.mark.parametrize(
    ("content", "said"), [(b"<!doctype html>", "a web page"), (b"version https://git-lfs.x/v1\n", "a Git LFS pointer")]
)
def test_a_page_or_a_pointer_in_place_of_a_file_is_said(folder, name, content, said):
    (folder / name).unlink()
    (folder / name).write_bytes(content)
    refused(folder, name, said)


def test_byte_order_marks_in_the_files_of_a_model_change_nothing(sharded):
    for name in ("config.json", "tokenizer.json", INDEX_NAME):
        (sharded / name).write_bytes(b"\xef\xbb\xbf" + (sharded / name).read_bytes())
    LTUAS.from_pretrained(sharded)


@pytest.mark.parametrize("name", ["config.json", INDEX_NAME])
def test_json_that_nests_without_end_is_named(sharded, name):
    (sharded / name).write_text("[" * 100_000)
    refused(sharded, name, "nested too deeply")


@pytest.mark.parametrize("index", ["", "[]", '{"weight_map": 3}', '{"weight_map": {"a": "../model.safetensors"}}'])
def test_a_broken_index_is_named(sharded, index):
    (sharded / INDEX_NAME).write_text(index)
    refused(sharded, INDEX_NAME)


def test_the_hash_is_that_of_the_weights_file(folder):
    assert folder_sha256(folder) == hashlib.sha256((folder / WEIGHTS_NAME).read_bytes()).hexdigest()


def test_the_hash_of_shards_changes_with_each(sharded):
    before = folder_sha256(sharded)
    file = sharded / "model-00002-of-00002.safetensors"
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert folder_sha256(sharded) != before


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_stored_precision_is_told_without_loading(folder, change, dtype):
    name = "llama.lm_head.weight"
    change(**{name: load_file(folder / WEIGHTS_NAME)[name].to(getattr(torch, dtype))})
    assert stored_dtype(folder) == dtype


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        (
            "base_model.model.model.layers.31.self_attn.q_proj.lora_A.default.weight",
            "llama.model.layers.31.self_attn.q_proj.lora_A.weight",
        ),
        ("base_model.model.model.layers.0.mlp.up_proj.weight", "llama.model.layers.0.mlp.up_proj.weight"),
        ("base_model.model.lm_head.weight", "llama.lm_head.weight"),
        ("base_model.model.model.audio_proj.1.bias", "audio_proj.1.bias"),
        ("base_model.model.model.audio_encoder.time_tr.mlp_ln.bias", "audio_encoder.time_tr.mlp_ln.bias"),
    ],
)
def test_published_names_map_to_ours(published, ours):
    assert from_published(published) == ours


@pytest.mark.parametrize("key", ["", "model", "transformer.h.0.weight", "base_model.model.model.vision.weight"])
def test_other_names_are_refused(key):
    with pytest.raises(ModelError, match="not the name of an LTU-AS tensor"):
        from_published(key)


def test_whisper_names_of_both_kinds_map_to_the_same_modules():
    ours = {name for name in tiny_model().state_dict() if name.startswith("whisper.")}
    theirs = {name.replace("whisper.", "model.encoder.") for name in ours}
    assert {from_hf_whisper(name) for name in theirs} == ours
    openai = [
        f"encoder.blocks.{block}.{name}"
        for block in range(2)
        for name in (
            "attn.query.weight", "attn.query.bias", "attn.key.weight", "attn.value.weight", "attn.value.bias",
            "attn.out.weight", "attn.out.bias", "attn_ln.weight", "attn_ln.bias", "mlp.0.weight", "mlp.0.bias",
            "mlp.2.weight", "mlp.2.bias", "mlp_ln.weight", "mlp_ln.bias",
        )
    ] + [f"encoder.{name}" for name in ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias")]  # fmt: skip
    assert {from_whisper(name) for name in [*openai, "encoder.positional_embedding"]} == ours
    assert not any(map(from_whisper, ["encoder.ln_post.weight", "decoder.blocks.0.attn.out.weight"]))
    assert not any(map(from_hf_whisper, ["model.encoder.layer_norm.bias", "model.decoder.layers.0.fc1.weight"]))
