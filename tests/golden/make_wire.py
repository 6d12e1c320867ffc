"""Writes the contract as it is now to tests/golden/wire, when a release is made: python -m tests.golden.make_wire."""

import json
from pathlib import Path

from core.wire.claim import Claim, encode_claim
from core.wire.commands import Answer, Pause, Resume, SetSmoothing, SwitchSource, encode_answer, encode_command
from core.wire.events import encode
from core.wire.json_schema import json_schemas
from tests import sample_events

FOLDER = Path(__file__).parent / "wire"
AT = "2026-01-01T10:00:00.000Z"


def main() -> None:
    """Schemas, and a message of each kind."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "schemas.json").write_text(json.dumps(json_schemas(), indent=1, ensure_ascii=False) + "\n")
    events = (
        sample_events.utterance(12),
        sample_events.utterance(
            13, status="invalid", reason="too_short", distribution=None, smoothed=None, dominant=None
        ),
        sample_events.state(12),
        sample_events.level(),
        sample_events.drop(),
        sample_events.error(),
        sample_events.health(),
    )
    commands = (Pause(), Resume(id="7"), SetSmoothing(tau_s=5.0, reply_to="app/answer"), SwitchSource(source="mic"))
    answer = Answer(node="desk", at=AT, id="7", command="resume", ok=True)
    claim = Claim(run="emotion-1", since=AT, holds=True, host="desk", pid=1)
    lines = [*map(encode, events), *map(encode_command, commands), encode_answer(answer), encode_claim(claim)]
    (FOLDER / "messages.jsonl").write_bytes(b"\n".join(lines) + b"\n")


if __name__ == "__main__":
    main()
