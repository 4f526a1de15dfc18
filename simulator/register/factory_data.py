"""Invented factory data of a simulated register: its make, its owner and its OFD."""

from binascii import crc_hqx
from dataclasses import dataclass
from typing import Final, NamedTuple

from protocol.platforms import Platform


@dataclass(frozen=True, slots=True)
class Make:
    """The factory versions of one platform's parts, as ``major.minor.build``."""

    firmware: str
    configuration: str
    loader: str
    templates: str
    control_unit: str
    communication: str
    ffd_version: str
    ffd_supported: tuple[str, ...]
    wireless: tuple[str, ...]


MAKES: Final = {
    Platform.V2_5: Make(
        "3.0.3689", "3.0.7942", "3.0.1010", "3.0.1", "2", "1.4.2", "1.05", ("1.05", "1.1"), ("gsm",)
    ),
    Platform.V5_0: Make(
        "5.8.14", "5.8.100", "5.1.3", "5.8.2", "7", "2.0.9", "1.2", ("1.05", "1.2"), ("wifi",)
    ),
}


class Company(NamedTuple):
    """An owner or an OFD; ``inn`` has a correct check digit."""

    name: str
    inn: str
    address: str


# fmt: off
OWNERS: Final = (
    Company('ООО "Ромашка"', "7701000019", "107031, Москва, ул. Примерная, д. 1"),
    Company('ООО "Северный хлеб"', "7802000022", "191002, Санкт-Петербург, пер. Учебный, д. 5"),
    Company('АО "Сибирские аптеки"', "5403000034", "630099, Новосибирск, пр-кт Образцовый, д. 12"),
    Company('ООО "Уральский крепёж"', "6604000043", "620014, Екатеринбург, ул. Тестовая, д. 30"),
    Company("ИП Иванова Анна Петровна", "230400001250", "350000, Краснодар, ул. Вымышленная, д. 7"),
    Company("ИП Сидоров Пётр Ильич", "630500003453", "443099, Самара, наб. Модельная, д. 3"),
)
OFD: Final = Company('ООО "Пример ОФД"', "9900000017", "ofd.example")
OFD_PHONE: Final = "8 800 000-00-00"
# fmt: on

UTC_OFFSETS_MIN: Final = (180, 180, 180, 180, 240, 300, 420, 600)
"""Offsets from UTC to choose from; half of the registers use Moscow time."""


def registration_number(sequence: int, inn: str, serial_number: str) -> str:
    """Return the registration number (РНМ): a ten-digit counter and a six-digit checksum.

    The checksum is CRC-16/CCITT-FALSE of the counter, the INN and the serial number.
    """
    counter = f"{sequence:010}"
    checked = counter + inn.zfill(12) + serial_number.zfill(20)
    return f"{counter}{crc_hqx(checked.encode('ascii'), 0xFFFF):06}"
