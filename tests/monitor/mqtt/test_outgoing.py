"""What waits for the broker, as a state machine held against its promises."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from monitor.mqtt.messages import Message
from monitor.mqtt.outgoing import Outgoing

NOW = 1000.0


def event(number: int) -> Message:
    return Message(topic="events", payload=str(number).encode())


def retained(topic: str, number: int, valid_until: float | None = None) -> Message:
    return Message(topic=topic, payload=str(number).encode(), retain=True, valid_until=valid_until)


def drain(outgoing: Outgoing, now: float = NOW) -> list[Message]:
    sent = []
    while (message := outgoing.next(now)) is not None:
        outgoing.acknowledge()
        sent.append(message)
    return sent


def test_retained_messages_go_first_in_the_order_their_topics_came_up():
    outgoing = Outgoing(10)
    for message in (retained("availability", 0), event(1), retained("state", 2), event(3), retained("health", 4)):
        outgoing.push(message)
    assert [message.topic for message in drain(outgoing)] == ["availability", "state", "health", "events", "events"]


def test_of_a_retained_topic_only_the_newest_is_sent():
    outgoing = Outgoing(10)
    for number in range(3):
        outgoing.push(retained("state", number))
    assert drain(outgoing) == [retained("state", 2)]


def test_a_new_connection_gets_all_retained_messages_again_and_no_event_twice():
    outgoing = Outgoing(10)
    for message in (retained("availability", 0), retained("state", 1), event(2)):
        outgoing.push(message)
    drain(outgoing)
    outgoing.push(event(3))
    outgoing.restore()
    assert drain(outgoing) == [retained("availability", 0), retained("state", 1), event(3)]


def test_a_state_that_is_void_is_neither_sent_nor_sent_again():
    outgoing = Outgoing(10)
    outgoing.push(retained("state", 1, valid_until=NOW + 5))
    assert len(drain(outgoing, NOW)) == 1
    outgoing.restore()
    assert len(drain(outgoing, NOW + 4)) == 1
    outgoing.restore()
    assert drain(outgoing, NOW + 5) == []


def test_what_the_broker_refuses_is_counted_and_not_repeated():
    outgoing = Outgoing(10)
    outgoing.push(event(1))
    outgoing.next(NOW)
    outgoing.refuse()
    outgoing.restore()
    assert outgoing.next(NOW) is None
    assert outgoing.dropped == 1


class OutgoingMachine(RuleBasedStateMachine):
    """Any interleaving of events, acknowledgements and lost connections."""

    def __init__(self) -> None:
        super().__init__()
        self.outgoing = Outgoing(3)
        self.pushed = 0
        self.in_flight: int | None = None
        self.acknowledged: list[int] = []

    @rule()
    def push(self) -> None:
        self.outgoing.push(event(self.pushed))
        self.pushed += 1

    @rule(topic=st.sampled_from("ab"))
    def push_retained(self, topic: str) -> None:
        self.outgoing.push(retained(topic, 0))

    @rule(answer=st.sampled_from(["acknowledge", "lose"]))
    def send(self, answer: str) -> None:
        message = self.outgoing.next(NOW)
        if message is None:
            return
        if answer == "lose":
            self.outgoing.push(event(self.pushed))  # one more comes while the other is in flight
            self.pushed += 1
            self.outgoing.restore()
            return
        self.outgoing.acknowledge()
        if not message.retain:
            self.acknowledged.append(int(message.payload))

    @invariant()
    def every_event_is_acknowledged_once_waiting_or_dropped(self) -> None:
        assert self.pushed == len(self.acknowledged) + self.outgoing.queued + self.outgoing.dropped

    @invariant()
    def order_is_kept(self) -> None:
        assert self.acknowledged == sorted(set(self.acknowledged))

    @invariant()
    def the_queue_is_bounded(self) -> None:
        assert self.outgoing.queued <= 3


TestOutgoing = OutgoingMachine.TestCase
TestOutgoing.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
