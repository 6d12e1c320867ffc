import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import ModelError
from core.speech_llm.model import SpeechLLM


@pytest.fixture
def granite(folder_of, tmp_path):
    """A folder of one's own."""
    shutil.copytree(folder_of("granite_speech"), tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize(
    ("model_type", "inside", "module"),
    [("granite_speech", ".", "self_attn.v_proj"), ("phi4_multimodal", "speech-lora", "self_attn.qkv_proj")],
)
def test_the_adapter_it_hears_through_is_part_of_the_weights(folder_of, model_of, model_type, inside, module):
    folder = folder_of(model_type)
    adapter = load_file(folder / inside / "adapter_model.safetensors")
    down, up = (
        next(v for k, v in adapter.items() if f"layers.1.{module}.{part}" in k) for part in ("lora_A", "lora_B")
    )
    stored = load_file(folder / "model.safetensors")
    plain = next(tensor for name, tensor in stored.items() if name.endswith(f"layers.1.{module}.weight"))
    merged = model_of(model_type).network.get_decoder().get_submodule(f"layers.1.{module}").weight
    torch.testing.assert_close(merged, plain + 2 * up @ down)


def test_a_model_that_says_it_has_no_adapter_needs_none(granite):
    config = json.loads((granite / "config.json").read_text())
    (granite / "config.json").write_text(json.dumps(config | {"has_lora_adapter": False}))
    (granite / "adapter_model.safetensors").unlink()
    SpeechLLM.from_folder(granite)


def test_a_missing_adapter_is_told(granite):
    (granite / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"the adapter that this model hears through is not readable: .*adapter_model"):
        SpeechLLM.from_folder(granite)


def test_another_kind_of_adapter_is_refused(granite):
    config = json.loads((granite / "adapter_config.json").read_text())
    (granite / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))
    with pytest.raises(ModelError, match=r"adapter_config\.json: use_dora = True is not supported"):
        SpeechLLM.from_folder(granite)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.update(stray=torch.zeros(1)), "unexpected tensor stray"),
        (lambda tensors: tensors.pop(max(tensors)), r"lora_A\.weight does not fit the model"),
        (lambda tensors: tensors.update({min(tensors): torch.zeros(4, 7)}), r"lora_A\.weight does not fit the model"),
    ],
)
def test_an_adapter_of_another_model_is_refused(granite, change, message):
    tensors = load_file(granite / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, granite / "adapter_model.safetensors")
    with pytest.raises(ModelError, match=message):
        SpeechLLM.from_folder(granite)
