"""TABLE of the commands that make a receipt (KKT-PC 3.1); mode 1.

Sums are kopecks, quantities thousandths.
"""

from construct import Byte, Default, GreedyBytes
from construct import Bytes as RawBytes

from protocol.fields import bcd_int, whole
from protocol.kktpc.command_tables.parts import (
    COMMAND_TIME_S,
    DONE,
    FLAGS,
    NOTHING,
    SUM,
    Command,
    fixed,
)

ITEM_NAME_SIZE = 64

_ITEM = whole(
    FLAGS,
    "name" / RawBytes(ITEM_NAME_SIZE),
    "price" / bcd_int(6),
    "quantity" / bcd_int(5),
    "discount_type" / Byte,
    "discount_sign" / Byte,
    "discount" / bcd_int(6),
    "tax" / Byte,
    "section" / Byte,
    "barcode" / Default(RawBytes(16), bytes(16)),
    "reserved" / fixed(b"\0"),
)
_POSITION = whole(
    FLAGS,
    "price" / bcd_int(7),
    "quantity" / bcd_int(5),
    "cost" / bcd_int(7),
    "tax" / Byte,
    "tax_sum" / bcd_int(7),
    "section" / Byte,
    "item_kind" / Default(Byte, 0),
    "payment_method" / Default(Byte, 0),
    "discount_sign" / Default(Byte, 0),
    "discount" / Default(bcd_int(7), 0),
    "reserved" / fixed(b"\0\0"),
    "name" / GreedyBytes,
)

# fmt: off
RECEIPTS: tuple[Command, ...] = (
    Command(0x43, "discount",
            whole(FLAGS, "area" / Default(Byte, 0), "type" / Byte, "sign" / Byte, SUM), DONE,
            COMMAND_TIME_S,
            "off or on top of the whole receipt, its last item; area 0 receipt; type 1 a sum; sign "
            "0 discount, 1 surcharge; sum 0 rounds the total down to roubles (A4J, C)"),
    Command(0x4A, "close_receipt", whole(FLAGS, "payment" / Byte, SUM), DONE, 20,
            "pays the rest with payment (1 cash, 2 electronic, 3 prepaid, 4 credit, 5 other) and "
            "closes; sum is what the customer gave, 0 exactly the rest (TC, A4J, C)"),
    Command(0x59, "cancel_receipt", NOTHING, DONE, 20, "the open receipt is void (OBS)"),
    Command(0x73, "print_footer", NOTHING, DONE, COMMAND_TIME_S,
            "the lower part of a receipt; mode 2 (OBS, A4J)"),
    Command(0x92, "open_receipt", whole(FLAGS, "type" / Byte), DONE, COMMAND_TIME_S,
            "type as receipt_state of read_state: 1, 2, 4, 5, corrections 7, 9 and 10; flags bit 1 "
            "not on paper (OBS, A4J)"),
    Command(0x99, "pay", whole(FLAGS, "payment" / Byte, SUM),
            whole("rest" / bcd_int(5), "change" / bcd_int(5)), COMMAND_TIME_S,
            "a part of the receipt's total by one payment; rest 0: it may be closed (A4J, C)"),
    Command(0xB8, "receipt_tax",
            whole(FLAGS, "area" / Default(Byte, 0), "tax" / Byte, "sum" / bcd_int(7)), DONE,
            COMMAND_TIME_S, "the tax on the whole receipt; tax 1 to 6 (A4J, C)"),
    Command(0xE6, "item", _ITEM, DONE, 50,
            "an item in one command; name in CP866, padded with zeros; discount_type 0 per cent in "
            "hundredths, 1 a sum; discount_sign 0 discount, 1 surcharge (A4J, C)"),
    Command(0xEA, "begin_item", whole(FLAGS), DONE, 50,
            "an item whose requisites follow as E8; the one byte is inferred (TC)"),
    Command(0xEB, "end_item", _POSITION, DONE, 50,
            "the item begun: cost = price × quantity; name in CP866; tax_sum 0 lets the register "
            "count it; discount only informs (TC)"),
)
# fmt: on
