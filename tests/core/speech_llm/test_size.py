import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from core.errors import ModelError
from core.speech_llm.model_card import stated_licence
from core.speech_llm.size import WORKING_BYTES, Memory, Size, folder_size, in_gb, memory_of, refuse_what_does_not_fit


def test_a_folder_is_measured_by_its_headers(tmp_path):
    save_file({"a": np.zeros((3, 5), np.float16), "b": np.zeros(7, np.float32)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2_audio"}))
    assert folder_size(tmp_path) == Size(parameters=22, stored_bytes=58, largest_bytes=30)
    (tmp_path / "model.safetensors").write_bytes(b"no header")
    with pytest.raises(ModelError, match="not readable as safetensors"):
        folder_size(tmp_path)


def test_what_is_needed_is_the_weights_the_largest_tensor_once_more_and_room_to_work():
    size = Size(parameters=100, stored_bytes=200, largest_bytes=40)
    assert size.needed_bytes() == 240 + WORKING_BYTES
    assert size.needed_bytes(bytes_each=4) == 480 + WORKING_BYTES
    assert size.needed_bytes(bytes_each=2) == size.needed_bytes()


def test_a_model_that_just_fits_is_taken_and_a_byte_more_is_not():
    size = Size(parameters=1, stored_bytes=2, largest_bytes=2)
    refuse_what_does_not_fit("x", size, Memory(usable_bytes=size.needed_bytes(), of="of it"))
    with pytest.raises(ModelError, match=r"x needs some 2\.0 GB of memory and may take 2\.0 GB of it"):
        refuse_what_does_not_fit("x", size, Memory(usable_bytes=size.needed_bytes() - 1, of="of it"))


def test_on_a_processor_a_model_takes_what_its_numbers_take_in_32_bit():
    size = Size(parameters=10**9, stored_bytes=2 * 10**9, largest_bytes=0)
    memory = Memory(usable_bytes=5 * 10**9, of="of it")
    refuse_what_does_not_fit("x", size, memory)
    with pytest.raises(ModelError, match=r"x needs some 6\.0 GB"):
        refuse_what_does_not_fit("x", size, replace(memory, bytes_each=4))


def test_the_memory_of_a_processor_is_the_machine_s_or_what_the_settings_leave_of_it():
    whole = memory_of("cpu")
    assert "this machine" in whole.of
    assert memory_of("cpu", memory_mb=1000) == Memory(usable_bytes=10**9, of="by worker.memory_mb", bytes_each=4)
    assert memory_of("cpu", memory_mb=10**9) == whole


def test_sizes_are_told_in_units_that_people_read():
    assert (in_gb(15_400_000_000), in_gb(123_456)) == ("15.4 GB", "0.1 MB")


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("---\nlicense: apache-2.0\n---\n", "apache-2.0"),
        ("---\nlicense: other\nlicense_name: nvidia\nlicense_link: LICENSE\n---\n", "nvidia (LICENSE)"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\nlicense:\n- mit\n- gpl\n---\n", "mit, gpl"),
        ("---\ntags: [x]\n---\n", "not stated in its card"),
        ("# No front matter", "not stated in its card"),
        ("---\na: [\n---\n", "not readable: ParserError in README.md"),
    ],
)
def test_the_licence_is_what_the_card_states(tmp_path, card, said):
    (tmp_path / "README.md").write_text(card)
    assert stated_licence(tmp_path / "README.md") == said


def test_no_card_states_nothing(tmp_path):
    assert stated_licence(tmp_path / "README.md") == "not stated in its card"
