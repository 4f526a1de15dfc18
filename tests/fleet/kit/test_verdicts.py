"""Requests that are judged item by item."""

from fleet.kit.errors import ErrorKind, Refusal
from fleet.kit.language import Language
from fleet.kit.verdicts import RefusedItem, judge_each

ODD = Refusal(ErrorKind.INVALID, "odd", ru="{n} нечётно.", en="{n} is odd.")


def test_verdicts_keep_the_order_and_list_unfit_items_last() -> None:
    unfit = RefusedItem(0, ODD)
    verdicts = judge_each([4, 3, 2, 1], lambda number: ODD if number % 2 else None, [unfit])
    assert verdicts.accepted == [4, 2]
    assert [each.item for each in verdicts.refused] == [3, 1, 0]


def test_a_refused_item_has_a_message_in_both_languages() -> None:
    refused = RefusedItem("7", ODD, {"n": 7})
    assert refused.told(Language.EN) == {"reason": "odd", "message": "7 is odd."}
    assert refused.told(Language.RU)["message"] == "7 нечётно."
