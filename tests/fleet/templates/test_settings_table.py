"""Contract of the table of settings: every row leads to a setting that takes its values."""

import pytest

from fleet.kit.errors import FieldError
from fleet.kit.language import Language
from fleet.templates.rules import choices_on, to_settings, value_errors
from fleet.templates.settings_table import (
    BY_KEY,
    FIELDS,
    GROUP_LABELS,
    FieldKind,
    SettingField,
    SettingGroup,
    Value,
)
from protocol.kktpc.setting_types import CellForm, Setting
from protocol.kktpc.settings import (
    cell_length,
    decode_cell,
    decode_value,
    encode_cell,
    encode_value,
)
from protocol.kktpc.settings import parse as parse_setting
from protocol.platforms import Platform

PLACES = [(field, platform) for field in FIELDS for platform in field.by_platform]
NOWHERE = {"gsm_enabled", "strong_power_supply", "header_alignment", "extra_baud"}
"""Fields of the manual behind which the public lists have no setting."""

every_place = pytest.mark.parametrize(
    ("field", "platform"), PLACES, ids=[f"{f.key}-{p.wire_code}" for f, p in PLACES]
)


def values_of(field: SettingField, platform: Platform, setting: Setting) -> list[Value]:
    """Values that the field must take on the platform; the whole list where there is one."""
    if field.kind is FieldKind.TOGGLE:
        return [True, False]
    if field.kind is FieldKind.CHOICE:
        return list(choices_on(field, platform))
    if field.kind is FieldKind.PERCENT:
        return [0, 50, 100]
    if field.kind is FieldKind.NUMBER:
        return [end for ends in setting.ranges for end in ends]
    return ["192.0.2.7"] if setting.form is CellForm.ADDRESS else ["Example 1"]


def through_the_wire(setting: Setting, value: Value) -> Value:
    if setting.platform is Platform.V5_0:
        return decode_value(setting, encode_value(setting, value))
    length = cell_length(setting)
    return decode_cell(setting, encode_cell(setting, value, length, bytes(length)))


@every_place
def test_every_value_is_written_to_its_setting_and_read_back(
    field: SettingField, platform: Platform
) -> None:
    setting = field.setting(platform)
    assert setting is not None and setting.reachable
    seen = set()
    for value in values_of(field, platform, setting):
        assert value_errors(platform, {field.key: value}) == []
        ((number, code),) = to_settings(platform, {field.key: value}).items()
        assert int(number) == setting.number
        parsed = parse_setting(setting, code)
        if setting.form not in (CellForm.TEXT,) or platform is Platform.V5_0:
            assert through_the_wire(setting, code) == parsed
        seen.add(parsed)
    assert len(seen) == len(set(map(str, values_of(field, platform, setting))))


@every_place
def test_unfit_value_names_its_field(field: SettingField, platform: Platform) -> None:
    wrong: dict[FieldKind, list[Value]] = {
        FieldKind.TOGGLE: [1, "true"],
        FieldKind.CHOICE: ["no such value", 1, True],
        FieldKind.NUMBER: [-1, 10**6, "80", True],
        FieldKind.PERCENT: [-1, 101, "80", True],
        FieldKind.TEXT: ["x" * 300, 1, "\x07"],
    }
    for value in wrong[field.kind]:
        (mistake,) = value_errors(platform, {field.key: value})
        assert mistake.field == f"values.{field.key}"
        for language in Language:
            assert mistake.message(language)


def test_keys_and_settings_are_unique() -> None:
    assert len(BY_KEY) == len(FIELDS)
    for platform in Platform:
        numbers = [
            field.by_platform[platform].number for field in FIELDS if platform in field.by_platform
        ]
        assert len(numbers) == len(set(numbers))


def test_every_group_of_the_manual_has_fields() -> None:
    assert len(SettingGroup) == 11 and set(GROUP_LABELS) == set(SettingGroup)
    assert {field.group for field in FIELDS} == set(SettingGroup)
    assert {field.key for field in FIELDS if not field.by_platform} == NOWHERE


def test_every_field_has_labels_and_choices() -> None:
    for field in FIELDS:
        assert field.label_ru and field.label_en
        assert bool(field.choices) == (field.kind is FieldKind.CHOICE)
    assert [field.key for field in FIELDS if field.secret] == ["wifi_password"]


@pytest.mark.parametrize(
    ("platform", "values", "settings"),
    [
        (Platform.V5_0, {"cutter_disabled": True}, {"300": 0}),
        (Platform.V5_0, {"no_diagnostic_receipt": True}, {"383": 0}),
        (Platform.V5_0, {"loaded_templates": True}, {"292": 2}),
        (Platform.V5_0, {"internet_channel": "eot"}, {"276": 5}),
        (Platform.V5_0, {"print_brightness_percent": 60}, {"8": 60}),
        (Platform.V2_5, {"print_brightness_percent": 0}, {"8": 1}),
        (Platform.V2_5, {"print_brightness_percent": 100}, {"8": 15}),
        (Platform.V2_5, {"wifi_security": "wep"}, {"272": 1}),
        (Platform.V2_5, {"ofd_address": "ofd.example"}, {"273": "ofd.example"}),
    ],
)
def test_values_are_converted_to_settings(
    platform: Platform, values: dict[str, Value], settings: dict[str, Value]
) -> None:
    assert value_errors(platform, values) == []
    assert to_settings(platform, values) == settings


@pytest.mark.parametrize(
    ("platform", "key", "value", "code"),
    [
        (Platform.V2_5, "rs232_enabled", True, "template_field_not_on_platform"),
        (Platform.V5_0, "extra_baud", "9600", "template_field_not_on_platform"),
        (Platform.V5_0, "wifi_security", "wep", "template_field_value"),
        (Platform.V5_0, "paper_width", "43", "template_field_value"),
        (Platform.V2_5, "ofd_answer_timeout", "default", "template_field_value"),
        (Platform.V5_0, "no_such_field", 1, "template_field_unknown"),
        (Platform.V5_0, "x" * 64, 1, "template_field_unknown"),
    ],
)
def test_field_absent_from_the_platform_is_refused(
    platform: Platform, key: str, value: Value, code: str
) -> None:
    (mistake,) = value_errors(platform, {"ofd_port": 7777, key: value})
    assert isinstance(mistake, FieldError)
    assert (mistake.field, mistake.refusal.code) == (f"values.{key}", code)


def test_unchecked_template_raises_an_error() -> None:
    with pytest.raises(ValueError, match="not checked"):
        to_settings(Platform.V5_0, {"wifi_security": "wep"})
