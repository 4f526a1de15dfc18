"""TABLE of the models of registers: code on the wire, trade name, platform where known."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """A model; `code` is the one that `read_type` answers and that serial numbers contain.

    `platform_5_0` is true if a public list says that the model can run platform 5.0; for the other
    models nothing is known either way.
    """

    code: int
    name: str
    platform_5_0: bool = False


# fmt: off
MODELS: tuple[Model, ...] = (
    Model(48, "АТОЛ 47ФА", platform_5_0=True),
    Model(50, "Альянс 20Ф"),
    Model(57, "АТОЛ 25Ф", platform_5_0=True),
    Model(61, "АТОЛ 30Ф", platform_5_0=True),
    Model(62, "АТОЛ 55Ф", platform_5_0=True),
    Model(63, "АТОЛ 22Ф/22ПТК", platform_5_0=True),
    Model(64, "АТОЛ 52Ф"),
    Model(66, "АТОЛ 55v2Ф"),
    Model(67, "АТОЛ 11Ф", platform_5_0=True),
    Model(69, "АТОЛ 77Ф", platform_5_0=True),
    Model(70, "АТОЛ 42ФА"),
    Model(72, "АТОЛ 90Ф"),
    Model(75, "АТОЛ 60Ф"),
    Model(76, "Казначей ФА", platform_5_0=True),
    Model(77, "АТОЛ 42ФС", platform_5_0=True),
    Model(78, "АТОЛ 15Ф", platform_5_0=True),
    Model(80, "АТОЛ 50Ф", platform_5_0=True),
    Model(81, "АТОЛ 20Ф", platform_5_0=True),
    Model(82, "АТОЛ 91Ф", platform_5_0=True),
    Model(84, "АТОЛ 92Ф", platform_5_0=True),
    Model(86, "АТОЛ Sigma 10 (150Ф)", platform_5_0=True),
    Model(87, "АТОЛ 27Ф", platform_5_0=True),
    Model(89, "АТОЛ PT-5Ф"),
    Model(90, "АТОЛ Sigma 7Ф", platform_5_0=True),
    Model(91, "АТОЛ Sigma 8Ф", platform_5_0=True),
    Model(93, "АТОЛ 1Ф", platform_5_0=True),
    Model(94, "АТОЛ СТБ 6Ф"),
    Model(95, "АТОЛ 22v2Ф", platform_5_0=True),
    Model(96, "АТОЛ 2Ф"),
    Model(97, "АТОЛ 35Ф"),
    Model(99, "АТОЛ 27 FP7 Ф"),
)
# fmt: on

BY_CODE = {model.code: model for model in MODELS}

SERIAL_NUMBER_LENGTH = 14


def model_of_serial(serial_number: str) -> Model | None:
    """Return the model of a serial number of 14 digits (its digits 4 to 6), if it is known.

    The rule is derived from the numbers in public examples: 00106101234567 is a register of model
    61.
    """
    if len(serial_number) != SERIAL_NUMBER_LENGTH or not serial_number.isascii():
        return None
    code = serial_number[3:6]
    return BY_CODE.get(int(code)) if code.isdecimal() else None
