"""What waits for the broker, as a state machine held against its promises."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from monitor.mqtt.messages import Message
from monitor.mqtt.outgoing import Entry, Outgoing

NOW = 1000.0


def event(number: int, **values: float) -> Message:
    return Message(topic="events", payload=str(number).encode(), **values)


def retained(topic: str, number: int, valid_until: float | None = None) -> Message:
    return Message(topic=topic, payload=str(number).encode(), retain=True, valid_until=valid_until)


def cleared(topic: str) -> Message:
    return Message(topic=topic, payload=b"", retain=True)


def outgoing_with(*messages: Message, capacity: int = 10, max_bytes: int = 10_000) -> Outgoing:
    outgoing = Outgoing(capacity, max_bytes=max_bytes)
    for message in messages:
        outgoing.push(message, NOW)
    return outgoing


def drain(outgoing: Outgoing, now: float = NOW) -> list[Message]:
    sent = []
    while (entry := outgoing.next(now)) is not None:
        outgoing.acknowledge(entry)
        sent.append(entry.message)
    return sent


def test_retained_messages_go_first_in_the_order_their_topics_came_up():
    messages = (retained("availability", 0), event(1), retained("state", 2), event(3), retained("health", 4))
    sent = drain(outgoing_with(*messages))
    assert [message.topic for message in sent] == ["availability", "state", "health", "events", "events"]


def test_of_a_retained_topic_only_the_newest_is_sent():
    assert drain(outgoing_with(*(retained("state", number) for number in range(3)))) == [retained("state", 2)]


def test_a_new_connection_gets_all_retained_messages_again_and_no_event_twice():
    outgoing = outgoing_with(retained("availability", 0), retained("state", 1), event(2))
    drain(outgoing)
    outgoing.push(event(3), NOW)
    outgoing.restore()
    assert drain(outgoing) == [retained("availability", 0), retained("state", 1), event(3)]


def test_what_was_in_flight_on_a_lost_connection_is_sent_again_before_the_rest():
    outgoing = outgoing_with(*(event(number) for number in range(5)))
    first, second = outgoing.next(NOW), outgoing.next(NOW)
    assert first
    assert second
    outgoing.acknowledge(second)
    outgoing.restore()
    assert drain(outgoing) == [event(0), event(2), event(3), event(4)]


def test_a_state_that_is_void_is_cleared_once_where_the_broker_may_have_it():
    outgoing = outgoing_with(retained("state", 1, valid_until=NOW + 5))
    assert len(drain(outgoing, NOW)) == 1
    outgoing.restore()
    assert len(drain(outgoing, NOW + 4)) == 1
    assert drain(outgoing, NOW + 5) == [cleared("state")]
    outgoing.restore()
    assert drain(outgoing, NOW + 6) == []


def test_a_state_that_was_void_before_it_was_sent_is_never_heard_of():
    outgoing = outgoing_with(retained("state", 1, valid_until=NOW + 5))
    assert drain(outgoing, NOW + 5) == []
    assert outgoing.withdraw() == []


def test_withdrawing_clears_states_and_nothing_else():
    outgoing = outgoing_with(retained("availability", 0), retained("state", 1, valid_until=NOW + 5))
    drain(outgoing)
    assert outgoing.withdraw() == [cleared("state")]
    outgoing.restore()
    assert drain(outgoing) == [retained("availability", 0)]


def test_a_clearing_that_was_not_acknowledged_is_repeated_unless_a_new_state_came():
    outgoing = outgoing_with(retained("state", 1, valid_until=NOW + 5))
    drain(outgoing)
    entry = outgoing.next(NOW + 5)
    assert entry == Entry(0, cleared("state"))
    outgoing.restore()
    assert outgoing.next(NOW + 5) == entry
    newer = retained("state", 2, valid_until=NOW + 50)
    outgoing.push(newer, NOW + 6)
    outgoing.acknowledge(entry)
    assert drain(outgoing, NOW + 6) == [newer]


def test_an_event_expires_from_when_it_came_and_is_counted():
    outgoing = outgoing_with(event(1, expiry_s=60), event(2))
    [survivor] = drain(outgoing, NOW + 60)
    assert survivor.payload == b"2"
    assert outgoing.dropped == {"expired": 1}


def test_a_state_is_void_when_its_time_has_passed_whatever_the_time_of_day_is():
    outgoing = outgoing_with(replace(retained("state", 1), expiry_s=5))
    [message] = drain(outgoing, NOW + 4)
    assert message.remaining_s(NOW + 4) == 1
    assert drain(outgoing, NOW + 5) == [cleared("state")]


def test_its_expiry_on_the_wire_is_what_is_left():
    outgoing = outgoing_with(event(1, expiry_s=60))
    [message] = drain(outgoing, NOW + 20)
    assert message.remaining_s(NOW + 20) == 40


def test_what_the_broker_refuses_is_counted_and_not_repeated():
    outgoing = outgoing_with(event(1))
    entry = outgoing.next(NOW)
    assert entry
    outgoing.refuse(entry)
    outgoing.restore()
    assert outgoing.next(NOW) is None
    assert outgoing.dropped == {"refused": 1}


@pytest.mark.parametrize(("capacity", "max_bytes"), [(2, 10_000), (100, 14)])
def test_beyond_a_bound_in_number_or_size_the_oldest_is_lost(capacity, max_bytes):
    outgoing = outgoing_with(*(event(number) for number in range(5)), capacity=capacity, max_bytes=max_bytes)
    assert drain(outgoing) == [event(3), event(4)]
    assert outgoing.dropped == {"queue full": 3}


def test_what_an_earlier_run_has_left_goes_first_and_new_events_are_numbered_after_it():
    outgoing = outgoing_with(event(10))
    outgoing.refill([Entry(7, event(1)), Entry(8, event(2))])
    outgoing.push(event(11), NOW)
    taken = [outgoing.next(NOW) for _ in range(4)]
    assert [entry.message for entry in taken if entry] == [event(1), event(2), event(10), event(11)]
    assert taken[-1]
    assert taken[-1].seq == 9


def test_giving_up_counts_what_is_kept_nowhere_else():
    outgoing = outgoing_with(event(1), event(2), event(3))
    outgoing.next(NOW)
    assert outgoing.abandon(kept=1) == 2
    assert outgoing.dropped == {"not delivered": 2}
    assert outgoing.queued == 0


class Shelf:
    """A store that shows what it holds."""

    def __init__(self) -> None:
        self.held: dict[int, Entry] = {}

    def put(self, entry: Entry) -> None:
        self.held[entry.seq] = entry

    def remove(self, seq: int) -> None:
        del self.held[seq]


class OutgoingMachine(RuleBasedStateMachine):
    """Any interleaving of events, acknowledgements and lost connections."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = Shelf()
        self.outgoing = Outgoing(3, max_bytes=10_000, store=self.shelf)
        self.pushed = 0
        self.in_flight: list[Entry] = []
        self.acknowledged: list[int] = []

    @rule()
    def push(self) -> None:
        self.outgoing.push(event(self.pushed), NOW)
        self.pushed += 1

    @rule(topic=st.sampled_from("ab"))
    def push_retained(self, topic: str) -> None:
        self.outgoing.push(retained(topic, 0), NOW)

    @rule()
    def send(self) -> None:
        entry = self.outgoing.next(NOW)
        if entry is not None:
            self.in_flight.append(entry)

    @rule()
    def acknowledge(self) -> None:
        if self.in_flight:
            entry = self.in_flight.pop(0)  # brokers acknowledge in order
            self.outgoing.acknowledge(entry)
            if entry.seq:
                self.acknowledged.append(int(entry.message.payload))

    @rule()
    def lose_the_connection(self) -> None:
        self.in_flight.clear()
        self.outgoing.restore()

    @invariant()
    def every_event_is_acknowledged_once_waiting_or_dropped(self) -> None:
        assert self.pushed == len(self.acknowledged) + self.outgoing.queued + self.outgoing.dropped.total()

    @invariant()
    def order_is_kept(self) -> None:
        assert self.acknowledged == sorted(set(self.acknowledged))

    @invariant()
    def the_queue_is_bounded(self) -> None:
        assert self.outgoing.queued <= 3

    @invariant()
    def the_store_holds_what_waits(self) -> None:
        assert len(self.shelf.held) == self.outgoing.queued


TestOutgoing = OutgoingMachine.TestCase
TestOutgoing.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
