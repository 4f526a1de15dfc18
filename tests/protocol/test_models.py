"""The models of registers."""

import pytest

from protocol.models import BY_CODE, MODELS, model_of_serial


def test_codes_and_names_are_unique() -> None:
    assert len(BY_CODE) == len({model.name for model in MODELS}) == len(MODELS) == 31
    assert all(0 < code < 0x100 for code in BY_CODE)


def test_the_model_is_read_from_the_serial_number() -> None:
    model = model_of_serial("00106101234567")
    assert model and model.name == "АТОЛ 30Ф" and model.platform_5_0


@pytest.mark.parametrize(
    "serial_number",
    ["", "061", "00100001234567", "001ab101234567", "0010610123456", "001٠٦١01234567"],
)
def test_other_serial_numbers_have_no_model(serial_number: str) -> None:
    assert model_of_serial(serial_number) is None
