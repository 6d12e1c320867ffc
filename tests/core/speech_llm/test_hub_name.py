import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.speech_llm.hub_name import HubName

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "repo_id", "revision"),
    [
        ("hf:Qwen/Qwen2-Audio-7B-Instruct", "Qwen/Qwen2-Audio-7B-Instruct", None),
        ("hf:google/gemma-3n-E2B-it@main", "google/gemma-3n-E2B-it", "main"),
        ("hf:microsoft/Phi-4-multimodal-instruct@refs/pr/70", "microsoft/Phi-4-multimodal-instruct", "refs/pr/70"),
        (f"hf:a/b@{COMMIT}", "a/b", COMMIT),
    ],
)
def test_a_name_is_owner_and_name_and_perhaps_a_revision(text, repo_id, revision):
    assert HubName.parse(text) == HubName(repo_id, revision)
    assert str(HubName.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "hf:", "hf:Qwen", "hf:/b", "hf:a/", "hf:a/b/c", "hf:a/b@", "hf:a/../b", "hf:a--b/c", "hf:a/b c", "Qwen/b",
        "hf:a/b@../../x", "hf:https://huggingface.co/a/b", f"hf:a/{'b' * 96}",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_to_write(text):
    with pytest.raises(UsageError, match="is no model") as error:
        HubName.parse(text)
    assert "hf:OWNER/NAME" in error.value.one_line()


@given(st.text(max_size=40))
def test_whatever_is_parsed_cannot_leave_the_cache(text):
    try:
        name = HubName.parse(f"hf:{text}")
    except UsageError:
        return
    parts = [*name.repo_id.split("/"), *(name.revision or "main").split("/")]
    assert ".." not in parts
    assert not (name.revision or "").startswith("/")
