"""The signals, by hand."""

from collections.abc import Callable
from datetime import timedelta
from math import exp, log
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.retrieval.pool import Floats, Pool
from gateway.retrieval.recall import best
from gateway.retrieval.signals import cosine, lexical, logistic, recency, standardise
from gateway.retrieval.words import Stems, words
from tests.unit.retrieval_cases import HYBRID, NOW, QUERY, ask, cos, record, vector

DAY = timedelta(days=1)
Signal: TypeAlias = Callable[[Pool], Floats]


def test_a_pool_is_newest_first_and_keeps_the_newest_version_of_an_id() -> None:
    old, new = record(1, "old", version=1), record(1, "new", version=2)
    pool = Pool([record(2, "b", age=DAY), old, new, record(3, "c")], 4)
    assert [each.text for each in pool.records] == ["c", "new", "b"]


def test_cosine_clips_what_points_away_and_gives_zero_without_a_vector() -> None:
    pool = Pool(
        [
            record(4, "same", vector=cos(1.0)),
            record(3, "half", vector=cos(0.5)),
            record(2, "away", vector=cos(-0.5)),
            record(1, "none"),
            record(0, "other length", vector=vector(1, 0)),
        ],
        4,
    )
    assert cosine(pool, QUERY).tolist() == [1.0, 0.5, 0.0, 0.0, 0.0]


def test_zero_vectors_divide_nothing() -> None:
    pool = Pool([record(1, "a", vector=bytes(16)), record(2, "b", vector=cos(1))], 4)
    assert cosine(pool, bytes(16)).tolist() == [0.0, 0.0]
    assert cosine(pool, QUERY).tolist() == [1.0, 0.0]


def test_equal_vectors_get_equal_cosines_wherever_they_stand() -> None:
    rng = np.random.default_rng(7)
    rows = [vector(*rng.normal(size=256)) for _ in range(1_003)]
    for place in (0, 1, 500, 1_001, 1_002):
        rows[place] = rows[3]
    pool = Pool([record(n, "", vector=row) for n, row in enumerate(rows)], 256)
    found = cosine(pool, rows[9])
    assert len({found[len(rows) - 1 - place] for place in (0, 1, 3, 500, 1_001, 1_002)}) == 1


def test_bm25_is_the_formula() -> None:
    pool = Pool([record(3, "red apple red"), record(2, "green apple"), record(1, "blue sky over sea")], 0)
    found = lexical(pool, Stems().terms("red apples"))
    lengths, mean = [3, 2, 3], 8 / 3  # "over" is a stop word

    def part(times: int, length: int) -> float:
        return times / (times + 0.9 * (1 - 0.4 + 0.4 * length / mean))

    red, apple = log(1 + (3 - 1 + 0.5) / 1.5), log(1 + (3 - 2 + 0.5) / 2.5)
    assert found.bm25.tolist() == pytest.approx(
        [red * part(2, lengths[0]) + apple * part(1, lengths[0]), apple * part(1, lengths[1]), 0]
    )
    assert found.share.tolist() == pytest.approx([1, apple / (red + apple), 0], abs=1e-6)


def test_a_word_the_pool_lacks_lowers_the_share() -> None:
    pool = Pool([record(1, "apple")], 0)
    assert lexical(pool, ["appl"]).share[0] == 1.0
    assert 0 < lexical(pool, ["appl", "zebra"]).share[0] < 0.5


def test_recency_halves_with_each_half_life_and_the_future_is_now() -> None:
    pool = Pool([record(n, "", age=n * DAY) for n in (-5, 0, 10, 20)], 0)
    assert recency(pool, NOW, 10 * 86_400).tolist() == [1, 1, 0.5, 0.25]


def test_standardising_a_constant_gives_zeros_and_else_mean_zero_and_deviation_one() -> None:
    assert standardise(np.full(5, 0.3), None).tolist() == [0] * 5
    found = standardise(np.array([1.0, 2.0, 3.0]), None)
    assert found.tolist() == pytest.approx([-(1.5**0.5), 0, 1.5**0.5])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=12, max_size=12))
def test_ranking_a_masked_pool_is_ranking_a_pool_of_its_live_records(live: list[bool]) -> None:
    texts = ["red apple", "green apple", "red sky", "sea", "apple apple pie", "the of"] * 2
    records = [record(12 - n, text, vector=cos(n / 12), age=n * DAY) for n, text in enumerate(texts)]
    masked = Pool(records, 4).masked(np.array(live))
    alone = Pool([each for each, kept in zip(records, live, strict=True) if kept], 4)
    terms = Stems().terms("red apple pie")
    signals: tuple[Signal, ...] = (
        lambda pool: lexical(pool, terms).bm25,
        lambda pool: lexical(pool, terms).share,
        lambda pool: standardise(cosine(pool, QUERY), pool.live),
    )
    for signal in signals:
        assert signal(masked)[masked.rows].tolist() == pytest.approx(signal(alone).tolist())


async def test_the_newer_slightly_less_similar_memory_overtakes_as_computed() -> None:
    older = record(2, "", vector=cos(0.90), age=60 * DAY)
    newer = record(1, "", vector=cos(0.89))
    far = record(0, "", vector=cos(0.10), age=30 * DAY)
    pool = Pool([older, newer, far], 4)  # rows: newer, far, older
    ranking = await HYBRID.rank(pool, ask("", vector=QUERY))
    alike = np.array([0.89, 0.10, 0.90])
    spread = float(alike.std())
    totals = 0.3 * (alike - alike.mean()) / spread + 0.1 * np.array([1, 0.5, 0.25])
    assert ranking.score is not None
    assert ranking.relevance is not None
    assert ranking.score.tolist() == pytest.approx([1 / (1 + exp(-each)) for each in totals], abs=1e-5)
    assert ranking.score[0] > ranking.score[2]
    assert ranking.relevance.tolist() == [0.89, 0.10, 0.90]


def test_the_logistic_never_overflows() -> None:
    assert logistic(np.array([-1e6, 0.0, 1e6])).tolist() == [0.0, 0.5, 1.0]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.integers(1, 20))
def test_the_best_are_the_head_of_the_stable_order(strengths: list[int], count: int) -> None:
    values = np.array(strengths, dtype=np.float64)
    whole = sorted(range(len(values)), key=lambda row: -values[row])
    assert best(np.arange(len(values)), values, count).tolist() == whole[:count]


def test_words_lose_case_accents_and_stop_words() -> None:
    assert words("What did the CAFÉ_owner say?") == ["cafe", "owner", "say"]
    assert words("In May, with Will") == ["may"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("寿司", "私は寿司が好きです"),
        ("ข้าวผัด", "ฉันชอบข้าวผัดมาก"),
        ("пицца", "Мне нравится пицца"),
        ("हिन्दी", "मुझे हिन्दी पसंद है"),
        ("résumé", "her resume is long"),
        ("STRASSE", "die straße"),
        ("running", "he runs"),
    ],
)
def test_any_script_finds_itself(query: str, text: str) -> None:
    pool = Pool([record(1, text), record(2, "nothing of the kind")], 0)
    assert lexical(pool, Stems().terms(query)).share.tolist() == [0.0, pytest.approx(1.0)]
