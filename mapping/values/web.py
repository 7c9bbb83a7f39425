"""E-mail addresses, domains and URLs."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

import email_validator
from tldextract import TLDExtract

from connectors.base import Value
from mapping.values.base import Untranslatable
from mapping.values.text import clean, parse_text, without_invisible

_EMAIL = re.compile(
    r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\_/.]+(?:\.[^\s@<>,;:\"()\[\]\\_/.]+)+"
)
_ASCII_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_NAMED = re.compile(r"[^<>]*<([^<>]+)>")

#: Providers whose users may write ``name+anything@``.
_SUBADDRESSING = frozenset({
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com",
    "icloud.com", "me.com", "mac.com", "fastmail.com", "fastmail.fm", "proton.me",
    "protonmail.com", "protonmail.ch", "pm.me",
})  # fmt: skip
_GMAIL = frozenset({"gmail.com", "googlemail.com"})

_suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None)
_private_suffixes = TLDExtract(
    suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True
)


def parse_email(native: Value) -> str | None:
    """An address as written, without ``mailto:``, a display name and invisible characters.

    Raises:
        Untranslatable: not one address.
    """
    text = parse_text(native)
    if text is None or _ASCII_EMAIL.fullmatch(text):
        return text
    text = without_invisible(text).strip()
    if found := _NAMED.fullmatch(text):
        text = found[1].strip()
    text = text.removeprefix("mailto:").removeprefix("MAILTO:")
    if not text:
        return None
    if not _EMAIL.fullmatch(text):
        raise Untranslatable(
            "not one e-mail address", "Correct the address in the CRM it comes from, or empty it."
        )
    return clean(text)


def normal_email(text: str) -> str:
    """The address for comparing: lower case, the domain's two IDNA spellings as one."""
    text = without_invisible(text.strip())
    if _ASCII_EMAIL.fullmatch(text) and "xn--" not in text.lower():
        return text.lower()
    try:
        checked = email_validator.validate_email(
            text, check_deliverability=False, test_environment=True
        )
    except email_validator.EmailNotValidError:
        return (clean(text) or "").casefold()
    return f"{clean(checked.local_part.casefold())}@{checked.domain.casefold()}"


def email_key(text: str, *, aliases: bool = False) -> str | None:
    """The address as a match key, None for what is no address.

    Args:
        aliases: drop ``+tag`` where the provider delivers it to the same mailbox, and the
            dots of Gmail, which ignores them (Workspace domains do not).
    """
    local, at, domain = normal_email(text).rpartition("@")
    if not (local and at and "." in domain):
        return None
    if aliases and domain in _SUBADDRESSING:
        local = local.split("+", 1)[0] or local
        if domain in _GMAIL:
            local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


def parse_url(native: Value) -> str | None:
    """A web address as written.

    Raises:
        Untranslatable: white space inside, or no host.
    """
    text = parse_text(native)
    if text is None:
        return None
    if len(text.split()) > 1 or not _split(text)[0]:
        raise Untranslatable("not a web address", "Enter one address, e.g. https://acme.example.")
    return text


def _split(text: str) -> tuple[str, str]:
    """Host without user, port and trailing dot; and the rest, from the path on."""
    lowered = text.lower()
    if "://" not in text:
        text = f"//{text}" if not lowered.startswith(("http:", "https:")) else text
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "", ""
    if port and port not in (80, 443):
        host = f"{host}:{port}"
    return host, parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "") + (
        f"#{parts.fragment}" if parts.fragment else ""
    )


def url_key(text: str) -> str:
    """The address for comparing: scheme, ``www.``, default port and last slash do not count."""
    host, rest = _split(text.strip())
    if not host:
        return text.strip()
    name, colon, port = host.partition(":")
    return f"{ascii_host(_without_www(name))}{colon}{port}{rest}"


def _without_www(host: str) -> str:
    return host[4:] if host.startswith("www.") and host.count(".") > 1 else host


def parse_domain(native: Value) -> str | None:
    """The host of a URL, an e-mail address or a host name: lower case, without ``www.``.

    Raises:
        Untranslatable: no host with a dot in it.
    """
    text = parse_text(native)
    if text is None:
        return None
    text = without_invisible(text).replace("\u3002", ".").removeprefix("@").strip()
    host = _without_www(_split(text)[0].partition(":")[0].lower())
    if not _is_host(host):
        raise Untranslatable("not a domain", "Enter a domain or web address, e.g. acme.example.")
    return clean(host)


def _is_host(host: str) -> bool:
    labels = host.split(".")
    return (
        len(labels) > 1
        and not labels[-1].isdecimal()  # an IP address
        and len(host) <= 253
        and all(
            label
            and label[0] != "-"
            and label[-1] != "-"
            and not any(
                char.isspace() or char in "_/\\@:;,()<>[]\"'!?*&=+%#$|{}~`^" for char in label
            )
            for label in labels
        )
    )


@lru_cache(maxsize=16384)
def ascii_host(host: str) -> str:
    """The host in its ASCII (IDNA) spelling, lower case; as it is where it has none."""
    host = host.lower()
    if host.isascii():
        return host
    try:
        checked = email_validator.validate_email(
            f"a@{host}", check_deliverability=False, test_environment=True
        )
    except email_validator.EmailNotValidError:
        return host.casefold()
    return checked.ascii_domain.lower()


@lru_cache(maxsize=16384)
def domain_key(text: str) -> str | None:
    """The registrable domain, in ASCII: ``www.mail.acme.co.th`` gives ``acme.co.th``.

    Shared hosts count as suffixes (``acme.wordpress.com`` is not ``wordpress.com``).
    Under a suffix nobody registered (``acme.example``) the last two labels are taken. None
    for what is no domain, and for a bare public suffix.
    """
    try:
        host = parse_domain(text)
    except Untranslatable:
        return None
    if host is None:
        return None
    host = ascii_host(host)
    found = _private_suffixes.extract_str(host)
    if found.suffix and not found.domain and found.is_private:
        found = _suffixes.extract_str(host)
    if found.suffix:
        return f"{found.domain}.{found.suffix}" if found.domain else None
    return ".".join(host.split(".")[-2:])
