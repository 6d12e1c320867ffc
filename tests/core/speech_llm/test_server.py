"""Against a model server of our own, by real HTTP: the numbers are its model's, and its troubles are one line each."""

import threading

import numpy as np
import pytest

from core.distribution import EMOTIONS, EmotionDistribution
from core.errors import EmotionMonitorError, ModelError, UsageError
from core.ltu_as.prompt import PROMPTS
from core.ltu_as.verbalizer import answer_words
from core.opening import open_model
from core.settings import ModelSettings
from core.speech_llm.server import ServerModel
from core.worker.models import load_model
from tests.certificates import Authority, authority, self_signed  # noqa: F401 - a fixture
from tests.installed import need
from tests.model_server import ModelServer

RATE = 16_000
SOUNDS = [np.random.default_rng(n).integers(-2000, 2000, RATE + 1000 * n).astype(np.int16) for n in range(3)]


@pytest.fixture
def server():
    with ModelServer() as server:
        yield server


def model_of(server: ModelServer, **options: object) -> ServerModel:
    return ServerModel(ModelSettings(name=server.model, **options))


def expected(server: ModelServer, sound: np.ndarray, prompt: str, join=np.mean) -> EmotionDistribution:
    """The four answers, scored by the server's function itself."""
    data, weights = sound.astype("<i2").tobytes(), []
    for word in answer_words(prompt).values():
        before = server.prompt_ids(data, PROMPTS[prompt], "")
        pieces = server.token_ids(word)
        weights.append(join([server.log_probabilities(data, before + pieces[:n])[p] for n, p in enumerate(pieces)]))
    return EmotionDistribution.from_log_weights([float(weight) for weight in weights])


@pytest.mark.parametrize(("prompt", "pool", "join"), [("single", "mean", np.mean), ("ambiguous", "sum", np.sum)])
@pytest.mark.parametrize("ids", ["all", "some", "none"])
def test_readings_are_the_scores_of_the_four_answers(server, prompt, pool, join, ids):
    server.ids, server.ids_from = ids != "none", int(ids == "some")
    model = model_of(server, prompt=prompt, pool=pool)
    for reading, sound in zip(model.read(SOUNDS), SOUNDS, strict=True):
        wanted = expected(server, sound, prompt, join)
        assert [*reading.distribution] == pytest.approx([*wanted], abs=1e-9)
        assert not reading.failed
    assert model.stamp.name == f"openai:{server.name}"
    assert model.stamp.readout == ("seq_logprob" if pool == "mean" else "seq_logprob/sum")
    assert (model.stamp.prompt, model.stamp.sha256, model.stamp.calibration) == (prompt, "", None)


def test_the_words_are_those_that_the_prompt_offers(server):
    model_of(server, prompt="single").read(SOUNDS[:1])
    assert {body["messages"][1]["content"] for body in server.asked} == {"Angry", "Happiness", "Sadness", "Neutral"}


@pytest.mark.parametrize("strict", [False, True])
def test_a_server_that_scores_no_prompts_is_read_by_what_it_writes(server, strict):
    server.scores, server.strict = False, strict
    model = model_of(server)
    (reading,) = model.read(SOUNDS[:1])
    assert dict(zip(EMOTIONS, reading.distribution, strict=True)) == pytest.approx(
        {"anger": 0.1, "happiness": 0.2, "sadness": 0.3, "neutral": 0.4}
    )
    assert (model.stamp.readout, model.stamp.prompt) == ("text", "ambiguous")
    server.text = "I cannot say."
    (reading,) = model.read(SOUNDS[:1])
    assert (reading.distribution, reading.reason, reading.failed) == (None, "no emotion in the answer", False)


def test_scores_of_something_else_than_the_answers_are_not_taken(server):
    server.closing = "</s>"  # its template closes the message
    assert model_of(server).stamp.readout == "text"
    with pytest.raises(ModelError, match="in place of the answer"):
        model_of(server, readout="seq_logprob")


def test_scores_are_insisted_on_where_the_settings_do(server):
    server.scores = False
    with pytest.raises(ModelError, match="no log-probabilities of prompts"):
        model_of(server, readout="seq_logprob")
    with pytest.raises(UsageError, match="gives no logits for paper_linear"):
        model_of(server, readout="paper_linear")


def test_it_is_a_model_like_any_other_to_whoever_opens_one(server):
    model = open_model(server.model)
    reading = model.read(SOUNDS[0])
    assert [*reading.distribution] == pytest.approx([*expected(server, SOUNDS[0], "single")], abs=1e-9)
    assert load_model(ModelSettings(name=server.url.replace("http", "openai:http")), threads=1).stamp == model.stamp


def test_neutral_odds_are_applied_and_named(server):
    model = model_of(server, neutral_odds=2.0)
    (reading,) = model.read(SOUNDS[:1])
    assert [*reading.distribution] == pytest.approx([*expected(server, SOUNDS[0], "single").expecting(2.0)])
    assert model.stamp.readout == "seq_logprob/neutral_odds=2"


def test_too_little_sound_is_not_sent_and_too_much_is_cut_and_said(server):
    model = model_of(server)
    before = len(server.asked)
    assert [reading.reason for reading in model.read([SOUNDS[0][:0], SOUNDS[0][:800]])] == ["too short"] * 2
    assert len(server.asked) == before
    (reading,) = model.read([np.zeros(31 * RATE, np.int16)])
    assert reading.truncated_s == pytest.approx(1.0)
    assert reading.distribution is not None


@pytest.mark.parametrize("troubles", [[503], [0, 429]])
def test_a_server_that_is_busy_or_hangs_up_is_asked_again(server, troubles):
    model = model_of(server, prompt="single")
    server.troubles = [*troubles]
    (reading,) = model.read(SOUNDS[:1])
    assert [*reading.distribution] == pytest.approx([*expected(server, SOUNDS[0], "single")])


def test_a_server_that_goes_on_failing_costs_a_reading_and_nothing_else(server):
    model = model_of(server)
    server.troubles = [500] * 4
    (reading,) = model.read(SOUNDS[:1])
    assert (reading.distribution, reading.failed) == (None, True)
    assert reading.reason == f"{server.url} answered 500"
    assert model.read(SOUNDS[:1])[0].distribution is not None


def refused(kind: type[EmotionMonitorError], name: str, **options: object) -> str:
    with pytest.raises(kind) as error:
        ServerModel(ModelSettings(name=name, **options))
    line = error.value.one_line()
    assert "\n" not in line
    return line


def test_troubles_of_the_beginning_are_one_line_each(server):
    assert "serves no model called acme/Other" in refused(UsageError, f"openai:{server.url}/acme/Other")
    server.troubles = [404]
    assert "(404)" in refused(ModelError, server.model)
    server.token = "s3cret"  # noqa: S105
    assert "it wants a token" in refused(ModelError, server.model)
    assert "cannot be reached: Connection refused" in refused(ModelError, "openai:http://127.0.0.1:9/x")


def test_a_server_that_takes_too_long_is_given_up():
    with ModelServer(hold=threading.Event()) as server:
        assert "did not answer within 0.05 s" in refused(ModelError, server.model, server_timeout_s=0.05)
        assert sum(server.paths.values()) == 1


def test_a_token_comes_from_the_environment_or_a_file_of_ones_own(server, tmp_path, monkeypatch):
    server.token = "s3cret"  # noqa: S105
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    file.chmod(0o600)
    assert model_of(server, server_token_file=str(file)).read(SOUNDS[:1])[0].distribution is not None
    file.chmod(0o640)
    assert "others on this machine can read" in refused(UsageError, server.model, server_token_file=str(file))
    monkeypatch.setenv("EMOTION_MONITOR_MODEL__SERVER_TOKEN", "mistaken")
    line = refused(ModelError, server.model)
    assert "the token is wrong" in line
    assert "mistaken" not in line
    monkeypatch.setenv("EMOTION_MONITOR_MODEL__SERVER_TOKEN", "s3cret")
    assert model_of(server).read(SOUNDS[:1])[0].distribution is not None


def test_a_certificate_is_checked_against_the_one_that_is_named(tmp_path, authority: Authority):  # noqa: F811
    need("openssl")
    with ModelServer(pair=self_signed(tmp_path, host="localhost")) as server:
        assert "its certificate is not trusted" in refused(ModelError, server.model)
        model = model_of(server, server_ca_file=str(tmp_path / "own.pem"))
        (reading,) = model.read(SOUNDS[:1])
        assert [*reading.distribution] == pytest.approx([*expected(server, SOUNDS[0], "single")], abs=1e-9)
    with ModelServer(pair=authority.sign("other", host="elsewhere.example")) as server:
        line = refused(ModelError, server.model, server_ca_file=str(authority.certificate))
        assert "not trusted" in line
