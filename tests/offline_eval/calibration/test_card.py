"""The model card's section on calibration."""

from pathlib import Path

from PIL import Image

from core.ltu_as.calibration import Calibration, Entry
from offline_eval.calibration.calibrate import Outcome
from offline_eval.calibration.card import CARD_NAME, PLOT_NAME, add_to_card
from offline_eval.calibration.worth import Fitted, Quality, Worth

CARD = "# a model\n\n## Scores\n\nsome\n\n## Training\n\nmore\n"


def outcome(ece: float) -> Outcome:
    entry = Entry(prompt="single", readout="seq_logprob", temperature=0.7, prior=(0.25,) * 4, prior_strength=0.0)
    quality = Quality(nll=0.5, ece=ece, confidence=(0.4, 0.6), accuracy=(0.5, 0.55), share=(0.4, 0.6))
    worth = {heard: Worth(temperature=0.7 - heard / 100, before=quality, after=quality) for heard in (0, 20)}
    fitted = [
        Fitted(prompt="single", readout="seq_logprob", clips=20, entry=entry, worth=worth),
        Fitted(prompt="single", readout="first_piece", clips=20, entry=entry, worth=worth),
        Fitted(prompt="ambiguous", readout="seq_logprob", clips=3),
    ]
    calibration = Calibration(model_sha256="0" * 64, fitted_on="20 clips of 2 dev speakers (some)", entries=(entry,))
    return Outcome(
        path=Path("calibration.json"),
        held_out="speaker",
        default_readout="seq_logprob",
        calibration=calibration,
        fitted=fitted,
        refused=(),
    )


def test_the_card_says_and_shows_what_the_calibration_of_the_default_read_out_is_worth(tmp_path):
    (tmp_path / CARD_NAME).write_text(CARD, encoding="utf-8")
    add_to_card(tmp_path, outcome(0.071))
    text = (tmp_path / CARD_NAME).read_text(encoding="utf-8")
    assert "| single | seq_logprob | 20 | 0 | 0.7 | 0.00 | 0.500 | 0.500 | 0.071 | 0.071 |" in text
    assert "| single | seq_logprob | 20 | 20 | 0.5 | 0.00 | 0.500 | 0.500 | 0.071 | 0.071 |" in text
    assert "first_piece" not in text
    assert text.index("## Scores") < text.index("## Calibration") < text.index("## Training")
    assert f"]({PLOT_NAME})" in text
    with Image.open(tmp_path / PLOT_NAME) as picture:
        assert picture.width > 200


def test_a_later_calibration_takes_the_place_of_an_earlier_one(tmp_path):
    (tmp_path / CARD_NAME).write_text(CARD, encoding="utf-8")
    add_to_card(tmp_path, outcome(0.071))
    add_to_card(tmp_path, outcome(0.033))
    text = (tmp_path / CARD_NAME).read_text(encoding="utf-8")
    assert text.count("## Calibration") == 1
    assert "0.071" not in text
    assert "0.033" in text
    assert text.replace(text[text.index("\n## Calibration") : text.index("\n## Training")], "") == CARD


def test_a_folder_without_a_card_gets_none(tmp_path):
    add_to_card(tmp_path, outcome(0.1))
    assert not list(tmp_path.iterdir())
