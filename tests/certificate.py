"""A certificate that nobody trusts, for localhost, and its key: made for the tests, of no other use."""

import ssl
from pathlib import Path

PEM = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgThMtV3h7PT4pjtQD
8Bij9uB6DvV3nzzkapPFtBwkMZGhRANCAASjy1EhbZs2zLaxJj1AaIG7OBWeGsIf
DQ9RmNv2AHGkBvLhn3L+7auBJNiwr8rRq33CuMG5OKUlK3bDO/F3S77V
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBZzCCAQ2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKPLUSFtmzbMtrEm
PUBogbs4FZ4awh8ND1GY2/YAcaQG8uGfcv7tq4Ek2LCvytGrfcK4wbk4pSUrdsM7
8XdLvtWjTjBMMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAPBgNVHRMBAf8E
BTADAQH/MB0GA1UdDgQWBBTnuEHqBUBEbcYiHehWLSWHUQexsjAKBggqhkjOPQQD
AgNIADBFAiEAwx58IrK8dRF6rPRTlg/RozyM8Vyc3g2SMHr/QJWkJOgCICzFJoa+
gW18mqw4NMclEXjhkvDIYQGfHOP9sb7ZwNcR
-----END CERTIFICATE-----
"""


def untrusted(folder: Path) -> ssl.SSLContext:
    """For a server that shows the certificate; the file is made in `folder`."""
    path = folder / "untrusted.pem"
    path.write_text(PEM)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
