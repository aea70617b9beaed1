"""Whether and why a host cannot be reached, for a person."""

import http.client
import socket
import ssl
import urllib.parse


def on_this_machine(url: str) -> bool:
    """Whether an address is the loopback interface, which no proxy of the environment may stand before."""
    return urllib.parse.urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def unreachable(error: BaseException) -> str:
    """Why a host gave no answer."""
    if isinstance(error, socket.gaierror):
        return f"the name of the host cannot be resolved: {error.strerror}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: nobody listens there"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "the connection was cut"
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, ConnectionError):
        return f"no HTTP: it answered {str(error)[:60]}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
