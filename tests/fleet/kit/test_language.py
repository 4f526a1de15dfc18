"""Choosing the language by Accept-Language."""

import pytest

from fleet.kit.language import Language, negotiate

RU, EN = Language.RU, Language.EN


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", RU),
        ("en", EN),
        ("EN-us", EN),
        ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", RU),
        ("de,en;q=0.5,ru;q=0.4", EN),
        ("en;q=0.4, ru;q=0.5", RU),
        ("en;q=0.5, ru;q=0.5", EN),
        ("en; q = 0.9 ,ru;q=0.1", EN),
        ("ru;q=0, en;q=0.1", EN),
        ("*", RU),
        ("de, *;q=0.1", RU),
        ("en;q=nonsense", RU),
        ("en;q=..5", RU),
        (";;;,,,=\x00", RU),
        ("x" * 100_000 + ",en", RU),
    ],
)
def test_the_best_matching_language_is_chosen(header: str, expected: Language) -> None:
    assert negotiate(header, RU) is expected
