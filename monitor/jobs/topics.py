"""Where jobs, results and offers go. No I/O."""

from core.errors import UsageError
from monitor.mqtt.messages import Topics, topic_level

GROUP = "workers"
"""Of the shared subscription: the broker gives each job to one of them."""


class JobTopics:
    """The topics of one site, `<base>-jobs/<site>/...`.

    They are not below `<base>/`: who may hear all readings there must not hear the sound.

    Args:
        base: As of the events.
        site: Workers and those they read for have the same.

    Raises:
        UsageError: `base` is not fit to be a topic, or `site` not to be a level of one.
    """

    def __init__(self, base: str, site: str) -> None:
        Topics(base, "")  # what is wrong with the base is said there
        if not site or topic_level(site) != site:
            msg = f"remote.site = {site!r}: one level of a topic, without +, # and /"
            raise UsageError(msg, hint="for example main or building-7")
        self._root = f"{base}-jobs/{site}"
        self.offers = f"{self._root}/offer/+"

    def ask(self, identity: str, node: str) -> str:
        """Where a node sends jobs for a model."""
        return f"{self._root}/ask/{identity}/{topic_level(node)}"

    def asked(self, identity: str) -> str:
        """What the workers of a model subscribe to together."""
        return f"$share/{GROUP}/{self._root}/ask/{identity}/+"

    def answer(self, node: str, run: str) -> str:
        """Where one run of a node awaits results. Nodes of one name have a run each."""
        return f"{self._root}/answer/{topic_level(node)}/{run}"

    def answer_to(self, asked: str, run: str) -> str:
        """The same, from the topic of a job: who may not ask as a node cannot have answers sent to it."""
        return self.answer(asked.rpartition("/")[2], run)

    def offer(self, worker: str) -> str:
        """Where a worker says what it reads."""
        return f"{self._root}/offer/{topic_level(worker)}"
