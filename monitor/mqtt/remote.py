"""Commands from the wire, and the answers to them."""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiomqtt

from core.errors import EmotionMonitorError
from core.wire.commands import Answer, CommandError, WireCommand
from core.wire.events import timestamp
from monitor.mqtt.gate import Gate
from monitor.mqtt.messages import Message, Topics, answer_message

log = logging.getLogger(__name__)

_UNFIT_FOR_AN_ANSWER = re.compile(r"[+#\x00-\x1f\x7f-\x9f\ud800-\udfff]|^\$|^$")
_LONGEST_TOPIC = 256


class RemoteControl:
    """Does what is asked on the command topic, one command after the other, and says what became of it.

    The answer goes to the response topic of the message (MQTT 5), else to the `reply_to` of the command, else to
    `<base>/<node>/answer`. Of this node's topics it takes only that and those below it, whatever is asked: with one for
    each asker below it, a broker's ACL need not let nodes write elsewhere.

    Args:
        topics: Of the node.
        node: Its name.
        execute: Does what a command says, or raises EmotionMonitorError.
        gate: Decides what is a command.
    """

    def __init__(
        self, topics: Topics, node: str, execute: Callable[[WireCommand], Awaitable[None]], gate: Gate | None = None
    ) -> None:
        self.gate = gate or Gate()
        self._topics, self._node, self._execute = topics, node, execute

    async def handle(self, message: aiomqtt.Message) -> Message | None:
        """Takes one message of the command topic; gives the answer to publish, if there is one."""
        payload = message.payload if isinstance(message.payload, bytes) else str(message.payload or "").encode()
        judged = self.gate.push(payload, retained=bool(message.retain), now_s=time.monotonic())
        if judged is None:
            return None
        if isinstance(judged, CommandError):
            log.info("a message on %s is refused: %s", self._topics.command, judged.one_line())
            return self._answer(message, None, judged)
        try:
            await self._execute(judged)
        except EmotionMonitorError as error:
            log.info("%s is refused: %s", judged.command, error.one_line())
            return self._answer(message, judged, error)
        log.info("%s: done, as asked on %s", judged.command, self._topics.command)
        return self._answer(message, judged, None)

    def _answer(
        self, message: aiomqtt.Message, command: WireCommand | None, error: EmotionMonitorError | None
    ) -> Message | None:
        topic = _property(message, "ResponseTopic") or (command.reply_to if command else None) or self._topics.answer
        if not self._may_answer_on(topic):
            log.info("no answer on %r: not a topic for answers", topic)
            return None
        answer = Answer(
            node=self._node,
            at=timestamp(time.time()),
            id=command.id if command else None,
            command=command.command if command else None,
            ok=error is None,
            error=str(error) if error else None,
            hint=error.hint if error else None,
        )
        return answer_message(answer, topic, correlation=_property(message, "CorrelationData"))

    def _may_answer_on(self, topic: str) -> bool:
        if len(topic) > _LONGEST_TOPIC or _UNFIT_FOR_AN_ANSWER.search(topic):
            return False
        own_place = topic == self._topics.answer or topic.startswith(f"{self._topics.answer}/")
        return own_place or not self._topics.is_own(topic)


def _property(message: aiomqtt.Message, name: str) -> Any:
    return getattr(message.properties, name, None)
