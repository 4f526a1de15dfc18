"""The consent form as a PDF (ATOL Connect manual, appendix A), filled in with known data.

The manual's text ends with clause 6.  The lines for signature and stamp below it are an addition,
since a missing stamp is a reason of refusal.
"""

from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple, cast

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

MAX_TEXT: Final = 256
"""Maximum length of a name on the form: a longer one would push the clauses off the page."""
_FONT: Final = "Roboto"
_FONT_FILES: Final = Path(str(files("font_roboto"))) / "files"
_SIZE_PT, _TITLE_PT, _NOTE_PT = 9, 12, 8
_LINE_MM: Final = 4.3
_SIDE_MM, _TOP_MM = 20, 15


class Organisation(NamedTuple):
    """The partner that the client permits access; ``code`` is its code in the account."""

    name: str
    inn: str
    code: str


class Owner(NamedTuple):
    """The client; an empty field becomes a line to fill in by hand."""

    inn: str = ""
    name: str = ""


TITLE: Final = (
    "Согласие",
    "на дистанционный доступ и дистанционное управление",
    "контрольно-кассовой техникой",
)
PREAMBLE: Final = (
    "{name} (далее – Клиент), ИНН {inn}, в лице {person}, действующего на основании {basis}, "
    "подтверждая, что является владельцем контрольно-кассовой техники, изготовителем которой "
    "является Общество с ограниченной ответственностью «АТОЛ» (ИНН 5010051677) (далее – Кассы), "
    "дает свое согласие на доступ к данным Касс для целей дистанционного мониторинга и управления "
    "(далее – Согласие) на следующих условиях."
)
CLAUSES: Final = (
    "1. Согласие распространяется на следующих лиц:",
    "Общество с ограниченной ответственностью «АТОЛ» (ИНН 5010051677)",
    "Партнер ООО «АТОЛ» - {partner} (ИНН {partner_inn}, КОД ОРГАНИЗАЦИИ* {partner_code}).",
    "* КОД ОРГАНИЗАЦИИ можно увидеть в личном кабинете на вкладке ОРГАНИЗАЦИЯ.",
    "2. Клиент дает согласие на дистанционный мониторинг и управление всеми Кассами, которые "
    "имеются у Клиента в настоящий момент и будут приобретены в будущем.",
    "3. Согласие распространяется на следующие данные Касс и способы дистанционного управления "
    "ими:",
    "Данные Касс – версия ФФД; версия протокола Кассы; версии используемого программного "
    "обеспечения; сведения о фискальном накопителе – номер, дата его активации и дата окончания "
    "срока действия, количество оставшихся перерегистраций; наименование, адрес и ИНН владельца; "
    "система налогообложения; регистрационный номер ККМ, флаг фискальности Кассы; напряжение "
    "батарейки в мВ; наименование ОФД; состояние смены; последние коды ошибок сети, ОФД и ФН; "
    "ресурсы ТПГ в метрах и резчика в отрезах; номер документа ФН; дата и время последнего "
    "соединения с ОФД и самого раннего документа, не отправленного в ОФД; тип используемого "
    "интерфейса для связи с хостом.",
    "Способы дистанционного управления - дистанционное обновление программного обеспечения "
    "устройств и шаблонов чеков устройств, дистанционное конфигурирование устройств, получение "
    "уведомлений о состоянии устройств по СМС и на электронную почту и сводных ежемесячных "
    "отчетов по устройствам на электронную почту, дистанционная перезапись сертификатов на "
    "устройствах.",
    "4. Настоящее Согласие не означает обязанностей со стороны лиц, упомянутых в п. 1 Согласия, "
    "организовывать мониторинг или управление и/или предоставлять Клиенту результаты "
    "вышеуказанных действий, для их получения требуется заключение отдельного договора.",
    "5. Клиент дает согласие ООО «АТОЛ» на обработку данных с Касс, включая сбор, "
    "систематизацию, накопление, хранение, уточнение (обновление, изменение), использование, "
    "передачу. Указанные действия могут совершаться с использованием средств автоматизации.",
    "6. Настоящее Согласие может быть отозвано в отношении ООО «АТОЛ» и/или указанного в п. 1 "
    "его партнера полностью (в отношении всех Касс) или частично (в отношении конкретных Касс) "
    "путем направления в адрес ООО «АТОЛ» соответствующего отзыва.",
)
SIGNATURE: Final = "Клиент: _____________________ / _____________________________ /"
_HINTS: Final = "подпись, расшифровка подписи, печать (кроме ИП)"


def consent_form(organisation: Organisation, owner: Owner, now: datetime) -> bytes:
    """Return a PDF in A4; a character that the font lacks is printed as a question mark."""
    page = _blank_page()
    page.set_creation_date(now)
    _header(page)
    known = {
        "name": _or_line(owner.name, 60),
        "inn": _or_line(owner.inn, 14),
        "person": "_" * 40,
        "basis": "_" * 30,
        "partner": _or_line(organisation.name, 40),
        "partner_inn": _or_line(organisation.inn, 14),
        "partner_code": organisation.code,
    }
    for paragraph in (PREAMBLE, *CLAUSES):
        _paragraph(page, _printable(page, paragraph.format_map(known)))
    _signature(page)
    return bytes(page.output())


def _printable(page: FPDF, text: str) -> str:
    """Replace characters that the font lacks: otherwise they would disappear without a trace."""
    glyphs = cast(TTFFont, page.fonts[_FONT.lower()]).cmap
    return "".join(each if ord(each) in glyphs else "?" for each in text)


def _or_line(text: str, length: int) -> str:
    """Return the text as one line, or a line of this length to write on by hand."""
    return " ".join(text.split())[:MAX_TEXT] or "_" * length


def _blank_page() -> FPDF:
    page = FPDF(format="A4")
    page.set_title("Согласие на дистанционный доступ к ККТ")
    page.set_margins(_SIDE_MM, _TOP_MM)
    page.set_auto_page_break(True, _TOP_MM)
    page.add_font(_FONT, "", _FONT_FILES / "Roboto-Regular.ttf")
    page.add_font(_FONT, "B", _FONT_FILES / "Roboto-Bold.ttf")
    page.add_page()
    return page


def _header(page: FPDF) -> None:
    page.set_font(_FONT, "", _SIZE_PT)
    page.cell(0, _LINE_MM, "г. ____________________", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(_LINE_MM)
    page.set_font(_FONT, "B", _TITLE_PT)
    for line in TITLE:
        page.cell(0, 6, line, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.set_font(_FONT, "", _SIZE_PT)
    page.ln(2)
    day = "«____» __________________ 20____ г."
    page.cell(0, _LINE_MM, day, align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(_LINE_MM)


def _paragraph(page: FPDF, text: str) -> None:
    page.set_font(_FONT, "", _NOTE_PT if text.startswith("*") else _SIZE_PT)
    page.multi_cell(0, _LINE_MM, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(1.2)


def _signature(page: FPDF) -> None:
    page.ln(8)
    page.set_font(_FONT, "", _SIZE_PT)
    page.cell(0, _LINE_MM, SIGNATURE, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.set_font(_FONT, "", _NOTE_PT)
    page.cell(0, _LINE_MM, _HINTS, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.ln(_LINE_MM)
    page.cell(0, _LINE_MM, "М.П.")
