"""Addresses as text: hosts that only this machine reaches, origins of web pages, collectors. Pure; it asks no network."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

SIGNAL_PATHS = ("/v1/traces", "/v1/metrics", "/v1/logs")
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@,*]+")
"""Scheme, host and port; also of programs that show pages, such as app://obsidian.md."""
HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
HOST_HEADER = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]+)(:[0-9]*)?")
LOCAL_NETWORK = ipaddress.ip_network("fc00::/7")
"""What private networks of IPv6 use among themselves."""


def is_loopback(host: str) -> bool:
    """True when only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_ip_address(name: str) -> bool:
    """True for an address in numbers, with or without the brackets of IPv6."""
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def name_of(host: str) -> str:
    """A Host header without its port, in lower case; "" for what is none."""
    parts = HOST_HEADER.fullmatch(host)
    return parts[1].lower() if parts is not None else ""


def neighbourhood(address: str) -> str:
    """Who counts as one sender: an IPv4 address, or the /64 that one IPv6 customer usually has to himself.

    Within a /64 of a local network everybody is somebody else.
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return address
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    if known.is_link_local or known.is_loopback or known in LOCAL_NETWORK:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False))


def problem_of_origin(origin: str) -> str | None:
    """Why pages of an origin can't be let in, with what to give instead; None where they can."""
    if origin in ("*", "null"):
        return f"'{origin}' would let every web page in: name the origins, such as https://app.example"
    if ORIGIN.fullmatch(origin) is None:
        return "an origin is a scheme, a host and maybe a port, in lower case and with no path, such as https://app.example"
    return None


def problem_of_host(name: str) -> str | None:
    """Why a name can't be one this server is called by; None where it can."""
    if HOST.fullmatch(name) is None and not is_ip_address(name):
        return "a host is a name or an address without scheme, port and path, in lower case, such as openarc.example"
    return None


def problem_of_collector(address: str) -> str | None:
    """Why a collector can't be reached at an address, with what to give instead; None where it can."""
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_address = is_address and not any(map(str.isspace, address))
    except ValueError:
        is_address = False
    if not is_address:
        return "a collector's address is like http://localhost:4318 (OTLP over HTTP, not gRPC)"
    signal = next((path for path in SIGNAL_PATHS if parts.path.rstrip("/").endswith(path)), None)
    if signal is not None:
        return f"give the collector's address without {signal}, such as http://localhost:4318: the paths of the signals are added"
    return None


def problem_of_hub(address: str) -> str | None:
    """Why a Hub can't be asked at an address, with what to give instead; None where it can."""
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_address = is_address and address.isascii() and address.isprintable() and " " not in address
    except ValueError:
        is_address = False
    if not is_address:
        return "the Hub's address is like https://huggingface.co"
    if parts.username is not None or parts.query or parts.fragment or any(each in address for each in "?#@"):
        return "the Hub's address has a scheme, a host and maybe a path, and nothing secret in it"
    return None
