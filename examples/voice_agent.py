"""Tells a language model how something sounded: `[emotion angry=0.71, neutral=0.20] Oh great`.

    python examples/voice_agent.py mqtt://127.0.0.1:1883

prints, per utterance, the message that an agent would append to its conversation. Start the monitor with
`model.transcript = true`, or put your own recogniser's words in place of the transcript.
"""

import asyncio
import json
from contextlib import suppress

from subscribe import command_line, messages

from core.wire.events import EventError, UtteranceEvent, decode
from core.wire.prompt_text import as_prompt_text


def chat_message(event: UtteranceEvent) -> dict[str, str]:
    """One turn of the user.

    What was said comes from outside, so it must not be able to look like what we say: it gets no square brackets.
    """
    words = (event.transcript or "").translate(str.maketrans("[]", "()"))
    heard = as_prompt_text(event.distribution) if event.distribution else "[emotion unclear]"
    return {"role": "user", "content": f"{heard} {words}".strip()}


async def main() -> None:
    """Prints until it is interrupted."""
    arguments = command_line()
    last_id = None
    async for topic, payload in messages(arguments):
        if not topic.endswith("/utterance"):
            continue
        with suppress(EventError):  # a version that we do not know
            event = decode(payload)
            if isinstance(event, UtteranceEvent) and event.id != last_id:
                last_id = event.id
                print(json.dumps(chat_message(event), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
