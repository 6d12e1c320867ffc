"""Nobody is listened to before someone agreed, and that they know what to."""

import json
import stat

import pytest

from core.settings_file import load_settings
from monitor.consent import Consent, agreed_terms, disclosure

MICROPHONE = ["mic:Desk microphone"]


def settings(tmp_path, **sections):
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o600)
    if "url" in sections.get("mqtt", {}):
        sections["mqtt"] = {**sections["mqtt"], "password_file": str(password)}
    return load_settings(environ={}, flags=sections)


class Person:
    """Answers what they are asked, and keeps it."""

    def __init__(self, *, agrees):
        self.agrees, self.asked, self.told = agrees, [], []

    async def ask(self, disclosed):
        self.asked.append(disclosed)
        return self.agrees


def consent(settings, person, tmp_path, *, headless=False):
    return Consent(
        settings,
        ask=None if headless else person.ask,
        say=person.told.append,
        memory=tmp_path / "state" / "consent.json",
    )


def test_by_default_nothing_leaves_and_nothing_is_stored(tmp_path):
    told = disclosure(settings(tmp_path), MICROPHONE)
    assert (told.listens, told.leaves, told.stores) == (tuple(MICROPHONE), (), ())
    assert told.nearby


def test_every_place_where_readings_go_is_named(tmp_path):
    told = disclosure(
        settings(
            tmp_path,
            mqtt={"url": "mqtts://me@broker.example", "outbox": str(tmp_path / "outbox.sqlite3")},
            record={"on": True, "folder": str(tmp_path / "recordings")},
            output={"sinks": [f"jsonl:{tmp_path / 'events.jsonl'}"]},
        ),
        MICROPHONE,
    )
    assert told.leaves == ("readings, to the MQTT broker mqtts://broker.example:8883",)
    assert told.stores == (
        f"readings, until the broker has them, in {tmp_path / 'outbox.sqlite3'}",
        f"readings, levels and notes, as a recording, in {tmp_path / 'recordings'}",
        f"readings, in {tmp_path / 'events.jsonl'}",
    )
    assert not told.nearby


def test_a_model_server_that_is_sent_the_sound_is_named(tmp_path):
    told = disclosure(settings(tmp_path, model={"name": "openai:https://gpu.example/m"}), MICROPHONE)
    assert told.leaves == ("the sound of utterances, to the model server https://gpu.example:443",)
    assert "sound to the model server https://gpu.example:443 only" in told.one_line()
    here = disclosure(settings(tmp_path, model={"name": "openai:http://127.0.0.1:8000/m"}), MICROPHONE)
    assert here.leaves == ()
    assert "never sound" not in here.one_line()
    assert here.terms > disclosure(settings(tmp_path), MICROPHONE).terms


def test_words_that_were_said_are_named_where_they_are_kept(tmp_path):
    told = disclosure(
        settings(tmp_path, model={"transcript": True}, output={"sinks": [f"jsonl:{tmp_path / 'x'}"]}), MICROPHONE
    )
    assert told.stores == (f"readings and what was said, in {tmp_path / 'x'}",)


def test_sound_that_others_read_is_named_first_and_not_denied(tmp_path):
    remote, mqtt = {"broker": "mqtts://me@gpu.example"}, {"url": "mqtts://me@broker.example"}
    told = disclosure(settings(tmp_path, remote=remote, mqtt=mqtt), MICROPHONE)
    workers = "the workers at mqtts://gpu.example:8883"
    assert told.leaves[0] == f"the sound of utterances and how a voice sounds, to {workers}"
    assert told.one_line().endswith(f"sound to {workers} only. Those who can be heard must be told")


@pytest.mark.parametrize("sources", [["file:talk.wav"], ["stdin"], ["ws://127.0.0.1:8765"], []])
async def test_without_a_microphone_nobody_is_asked(tmp_path, sources):
    person = Person(agrees=False)
    assert await consent(settings(tmp_path), person, tmp_path).to(sources)
    assert person.asked == []


async def test_who_agreed_is_not_asked_again_in_this_run_or_the_next(tmp_path):
    person = Person(agrees=True)
    first = consent(settings(tmp_path), person, tmp_path)
    assert await first.to(MICROPHONE)
    assert await first.to(["mic:Headset"])
    assert await consent(settings(tmp_path), person, tmp_path).to(MICROPHONE)
    assert len(person.asked) == 1


async def test_who_did_not_agree_is_not_listened_to_and_is_asked_again(tmp_path):
    person = Person(agrees=False)
    for _ in range(2):
        assert not await consent(settings(tmp_path), person, tmp_path).to(MICROPHONE)
    assert len(person.asked) == 2
    assert not (tmp_path / "state").exists()


async def test_when_more_would_leave_or_be_stored_they_are_asked_again(tmp_path):
    person = Person(agrees=True)
    await consent(settings(tmp_path), person, tmp_path).to(MICROPHONE)
    more = settings(tmp_path, record={"on": True})
    await consent(more, person, tmp_path).to(MICROPHONE)
    assert len(person.asked) == 2
    await consent(settings(tmp_path), person, tmp_path).to(MICROPHONE)
    await consent(more, person, tmp_path).to(MICROPHONE)
    assert len(person.asked) == 2


async def test_a_kiosk_that_says_so_is_not_asked(tmp_path):
    person = Person(agrees=False)
    assert await consent(settings(tmp_path, output={"consent": "given"}), person, tmp_path).to(MICROPHONE)
    assert person.asked == []


async def test_without_a_screen_it_is_said_in_one_line(tmp_path):
    person = Person(agrees=False)
    asking = consent(settings(tmp_path), person, tmp_path, headless=True)
    assert await asking.to(MICROPHONE)
    assert await asking.to(MICROPHONE), "it was away, and is back"
    (line,) = person.told
    assert "about to hear mic:Desk microphone" in line
    assert "Leaves this machine: nothing. Stored: nothing" in line
    assert "\n" not in line


async def test_what_was_agreed_to_is_kept_with_its_time_for_its_owner_only(tmp_path):
    await consent(settings(tmp_path), Person(agrees=True), tmp_path).to(MICROPHONE)
    memory = tmp_path / "state" / "consent.json"
    assert json.loads(memory.read_text())["agreed_at"].endswith("Z")
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"terms": 3}', "\x00"])
def test_a_damaged_memory_is_no_agreement(tmp_path, content):
    (tmp_path / "consent.json").write_text(content)
    assert agreed_terms(tmp_path / "consent.json") == frozenset()


async def test_a_state_folder_that_cannot_be_written_does_not_disturb(tmp_path):
    (tmp_path / "state").write_text("a file")
    assert await consent(settings(tmp_path), Person(agrees=True), tmp_path).to(MICROPHONE)
