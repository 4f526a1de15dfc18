"""The few pages that the server shows by itself: one look, nothing fetched from elsewhere."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final

from fleet.kit.language import Language

STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}label,input,button{display:block;width:100%;box-sizing:border-box}"
    "label{margin:.8rem 0}input,button{padding:.6rem;margin:.3rem 0;font:inherit}"
    "button{cursor:pointer}.wrong{color:#c0142b}small{opacity:.75}[hidden]{display:none}"
)


def hash_of(text: str) -> str:
    """How a Content-Security-Policy names a style or script that stands in a page."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def policy(**more: str) -> str:
    """The Content-Security-Policy of a page; ``more`` are directives, ``_`` for ``-``."""
    allowed = "".join(f"{name.replace('_', '-')} {source}; " for name, source in more.items())
    return (
        f"default-src 'none'; style-src {hash_of(STYLE)}; {allowed}"
        "frame-ancestors 'none'; base-uri 'none'"
    )


def document(language: Language, title: str, body: str, head: str = "") -> str:
    """A whole page; ``body`` and ``head`` are HTML whose varying parts are escaped already."""
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">{head}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>{body}</body></html>"
    )
