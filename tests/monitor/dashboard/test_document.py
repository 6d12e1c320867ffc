"""docs/dashboard.md says what the dashboard does."""

from pathlib import Path

from monitor.dashboard import keymap, keys

DOCUMENT = Path(__file__).parents[3] / "docs" / "dashboard.md"


def test_every_key_is_documented_as_the_help_has_it():
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = [
        f"| {key.keys} | {key.text} | `{key.id}` |"
        for _, bindings in keys.TOPICS
        for key in keymap.listed(bindings, {})
    ]
    assert [row for row in rows if row not in text] == []
