"""Commands from the wire, and the answers to them."""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiomqtt

from core.errors import EmotionMonitorError
from core.wire.commands import Answer, CommandError, WireCommand
from core.wire.values import timestamp
from monitor.mqtt.gate import Gate
from monitor.mqtt.messages import Message, Topics, answer_message

log = logging.getLogger(__name__)

_UNFIT_FOR_AN_ANSWER = re.compile(r"[+#\x00-\x1f\x7f-\x9f\ud800-\udfff]|^\$|^$")
_LONGEST_TOPIC = 256


class RemoteControl:
    """Does what is asked on the command topic, one command after the other, and says what became of it.

    The answer goes to the response topic of the message (MQTT 5), else to the `reply_to` of the command, else to
    `<base>/<node>/answer`; and there too when what is asked for is neither that nor a topic below it. So who may ask a
    node cannot make it write where he may not, and a broker's ACL need not let nodes write elsewhere.

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
            return self._answer(message, judged, judged)
        try:
            await self._execute(judged)
        except EmotionMonitorError as error:
            log.info("%s is refused: %s", judged.command, error.one_line())
            return self._answer(message, judged, error)
        log.info("%s: done, as asked on %s", judged.command, self._topics.command)
        return self._answer(message, judged, None)

    def _answer(
        self, message: aiomqtt.Message, asked: WireCommand | CommandError, error: EmotionMonitorError | None
    ) -> Message:
        topic = _property(message, "ResponseTopic") or asked.reply_to or self._topics.answer
        if not self._may_answer_on(topic):
            log.info("no answer on %r, which is not %s or below it: it goes there", topic, self._topics.answer)
            topic = self._topics.answer
        answer = Answer(
            node=self._node,
            at=timestamp(time.time()),
            id=asked.id,
            command=None if isinstance(asked, CommandError) else asked.command,
            ok=error is None,
            error=str(error) if error else None,
            hint=error.hint if error else None,
        )
        return answer_message(answer, topic, correlation=_property(message, "CorrelationData"))

    def _may_answer_on(self, topic: str) -> bool:
        if len(topic) > _LONGEST_TOPIC or _UNFIT_FOR_AN_ANSWER.search(topic):
            return False
        return topic == self._topics.answer or topic.startswith(f"{self._topics.answer}/")


def _property(message: aiomqtt.Message, name: str) -> Any:
    return getattr(message.properties, name, None)
