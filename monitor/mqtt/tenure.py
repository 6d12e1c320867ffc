"""Whose node it is: two monitors of one name find out about each other over the broker, and one of them gives up."""

import os
import socket

from core.wire.claim import Claim, ClaimError, decode_claim
from core.wire.values import Timestamp


class Tenure:
    """One monitor's hold on its node. No I/O: what is heard goes in, what is to be said comes out.

    Of two monitors, one that holds the node goes before one that asks, then the one that started earlier, then the
    one whose run is first in the alphabet. So both always agree on who is to give up, and only one of them does.

    One gives up only when told so by somebody who has heard it, and who therefore is there; a claim that has been on
    its way for long, or that somebody retained, is only asked about. Nor is it for good: the other may be gone later,
    or may never have been there, since who can write on the topic can say anything. So one asks again, and takes the
    node when nobody objects.

    Args:
        run: Ours.
        since: When we started.
    """

    def __init__(self, run: str, since: Timestamp) -> None:
        self.holds = False
        self.heard_itself = False
        self.yields = False
        """Whether somebody has objected to what we said last."""
        self.rival: Claim | None = None
        """Who has the node in our place, until we take it."""
        self._run = run
        self._since = since

    def claim(self, *, to: str | None = None) -> Claim:
        """What to say, for a start or as an answer."""
        return Claim(
            run=self._run, since=self._since, holds=self.holds, host=socket.gethostname(), pid=os.getpid(), to=to
        )

    def take(self) -> None:
        """Nobody has objected."""
        if not self.yields:
            self.holds, self.rival = True, None

    def ask_again(self) -> None:
        """Forgets the objection, and that we ever held the node: whoever holds it now goes before us."""
        self.holds = self.yields = self.heard_itself = False

    def hear(self, data: bytes) -> Claim | None:
        """Takes a message of the claim topic; gives the answer to it, if there is one."""
        try:
            other = decode_claim(data)
        except ClaimError:
            return None
        if other.run == self._run:
            self.heard_itself = True
            return None
        ours = self.claim(to=other.run)
        if other.to == self._run and _rank(other) < _rank(ours):
            self.rival, self.yields = other, True
            return None
        return ours


def _rank(claim: Claim) -> tuple[bool, Timestamp, str]:
    return (not claim.holds, claim.since, claim.run)
