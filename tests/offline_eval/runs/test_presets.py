import pytest

from offline_eval.runs.presets import PRESETS
from offline_eval.scoring.metrics.measures import MEASURE


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_column_is_a_measure_and_every_published_value_has_a_column(preset):
    assert set(preset.measures) <= set(MEASURE)
    assert all(set(row.published) <= set(preset.measures) for row in preset.rows)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_row_says_why_it_is_not_comparable_and_is_read_or_quoted(preset):
    assert all(row.not_comparable for row in preset.rows)
    assert all(row.view is not None or row.published for row in preset.rows)


def test_the_published_gains_follow_from_the_published_values():
    text, token = (row.published for row in PRESETS["table1"].rows[1:])
    gains = [abs(token[name] - text[name]) / text[name] for name in ("kl", "bd_log_mean", "paper_r2")]
    assert gains == pytest.approx([0.5171, 0.0784, 0.1176], abs=1e-4)


def test_figure_3_has_no_published_numbers():
    assert not any(row.published for row in PRESETS["fig3"].rows)
    assert {row.view.scope for row in PRESETS["fig3"].rows} == {"all", "emotion_tokens"}
