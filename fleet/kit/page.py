"""The shared look of the server's own HTML pages, which load nothing from elsewhere."""

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Final

from fleet.kit.language import Language

STYLE: Final = (
    "body{font:1rem/1.45 system-ui,sans-serif;color:#1c2430;background:#f1f3f6;margin:1rem}"
    "main{max-width:26rem;margin:0 auto;padding:1.5rem;background:#fff;border-radius:.75rem;"
    "box-shadow:0 1px 4px #0002}[hidden]{display:none}"
    "h1{font-size:1.25rem;margin:0}p{margin:.5rem 0}.sum{font-size:1.75rem;font-weight:600}"
    "aside,.outcome{margin:1rem 0;padding:.75rem 1rem;border-radius:.5rem;background:#eef1f5}"
    "aside{background:#fff4d6;font-size:.875rem}"
    "aside ul{margin:.5rem 0 0;padding:0;list-style:none}"
    "aside b{white-space:nowrap;font-variant-numeric:tabular-nums}"
    ".paid{background:#e3f5e8}.failed,.cancelled{background:#fdeaea}"
    "label,input,button{display:block;width:100%;box-sizing:border-box}label{margin:.75rem 0}"
    "input,button{padding:.65rem .75rem;font:inherit;border:1px solid #8a94a3;border-radius:.5rem}"
    "input{margin-top:.25rem;background:#fff}button{margin-top:.75rem;cursor:pointer;background:#fff;"
    "color:inherit}"
    ".main{background:#0b57d0;border-color:#0b57d0;color:#fff;font-weight:600}"
    ".wrong{display:block;color:#b00020;font-size:.875rem}a{color:#0b57d0}"
)


def hash_of(text: str) -> str:
    """Return the hash by which a Content-Security-Policy allows an inline style or script."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def policy(**more: str) -> str:
    """Return a page's Content-Security-Policy; ``more`` are directives, with ``_`` for ``-``."""
    allowed = "".join(f"{name.replace('_', '-')} {source}; " for name, source in more.items())
    return (
        f"default-src 'none'; style-src {hash_of(STYLE)}; {allowed}"
        "frame-ancestors 'none'; base-uri 'none'"
    )


def document(language: Language, title: str, body: str, head: str = "") -> str:
    """Return a whole HTML page; ``body`` and ``head`` are HTML and must already be escaped."""
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">{head}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{body}</main></body></html>"
    )
