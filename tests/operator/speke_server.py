"""A key service of SPEKE 2.0 for tests: prints its port, then answers until it is killed.

Keys are the first 16 bytes of SHA-256 over "key of " and the key's identifier. They are encrypted if the request has
a certificate. The path says what goes wrong: /refused, /old-version, /other-key, /no-pssh, /html; any other nothing.
A request that is not as the specification has it is answered with 400 and the reason.
"""

import base64
import hashlib
import hmac
import os
import struct
import sys
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from xml.etree import ElementTree

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CPIX = "{urn:dashif:org:cpix}"
PSKC = "{urn:ietf:params:xml:ns:keyprov:pskc}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
ENC = "{http://www.w3.org/2001/04/xmlenc#}"
WIDEVINE = uuid.UUID("edef8ba9-79d6-4ace-a3c8-27dcd51d21ed")
PLAYREADY = uuid.UUID("9a04f079-9840-4286-ab92-e65be0885f95")
FAIRPLAY = uuid.UUID("94ce86fb-07ff-4f43-adb8-93d2fa968ca2")

for prefix, space in {"cpix": CPIX, "pskc": PSKC, "ds": DS, "enc": ENC}.items():
    ElementTree.register_namespace(prefix, space[1:-1])


class Wrong(Exception):
    pass


def demand(holds, reason):
    if not holds:
        raise Wrong(reason)


def key_of(kid):
    return hashlib.sha256(f"key of {kid}".encode()).digest()[:16]


def pssh(system, data):
    body = struct.pack(">4sI", b"pssh", 0) + system.bytes + struct.pack(">I", len(data)) + data
    return struct.pack(">I", len(body) + 4) + body


def playready_object(kid):
    kid64 = base64.b64encode(kid.bytes_le).decode()
    header = (
        '<WRMHEADER xmlns="http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader" version="4.0.0.0"><DATA>'
        f"<PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO><KID>{kid64}</KID>"
        "<LA_URL>https://licences.example/playready?a=1&amp;b=2</LA_URL></DATA></WRMHEADER>"
    ).encode("utf-16-le")
    return struct.pack("<IHHH", len(header) + 10, 1, 1, len(header)) + header


def text64(data):
    return base64.b64encode(data).decode()


def encrypted_value(parent, algorithm, value):
    inner = ElementTree.SubElement(parent, f"{PSKC}EncryptedValue") if parent.tag != f"{CPIX}Key" else parent
    ElementTree.SubElement(inner, f"{ENC}EncryptionMethod", Algorithm=algorithm)
    data = ElementTree.SubElement(inner, f"{ENC}CipherData")
    ElementTree.SubElement(data, f"{ENC}CipherValue").text = text64(value)


class Sealer:
    """CPIX 2.3, 5.3."""

    def __init__(self, delivery):
        certificate = delivery.findtext(f"{CPIX}DeliveryKey/{DS}X509Data/{DS}X509Certificate")
        demand(certificate, "DeliveryData has no certificate")
        public = x509.load_der_x509_certificate(base64.b64decode(certificate)).public_key()
        demand(public.key_size >= 2048, "the certificate's key is too short")
        self.document, self.mac = os.urandom(32), os.urandom(64)
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
        rsa = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
        key = ElementTree.SubElement(delivery, f"{CPIX}DocumentKey", Algorithm=AES)
        secret = ElementTree.SubElement(ElementTree.SubElement(key, f"{CPIX}Data"), f"{PSKC}Secret")
        encrypted_value(secret, rsa, public.encrypt(self.document, oaep))
        method = ElementTree.SubElement(delivery, f"{CPIX}MACMethod", Algorithm=HMAC)
        encrypted_value(ElementTree.SubElement(method, f"{CPIX}Key"), rsa, public.encrypt(self.mac, oaep))

    def seal(self, secret, key):
        vector = os.urandom(16)
        chain = Cipher(algorithms.AES(self.document), modes.CBC(vector)).encryptor()
        value = vector + chain.update(key + bytes([16]) * 16) + chain.finalize()
        encrypted_value(secret, AES, value)
        mac = hmac.new(self.mac, value, hashlib.sha512).digest()
        ElementTree.SubElement(secret, f"{PSKC}ValueMAC").text = text64(mac)


AES = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
HMAC = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512"


def answer(root, path):
    demand(root.tag == f"{CPIX}CPIX", "no CPIX document")
    demand(root.get("version") == "2.3", "CPIX@version is not 2.3")
    demand(root.get("contentId"), "CPIX@contentId is missing")
    delivery = root.find(f"{CPIX}DeliveryDataList/{CPIX}DeliveryData")
    sealer = Sealer(delivery) if delivery is not None else None
    keys = root.findall(f"{CPIX}ContentKeyList/{CPIX}ContentKey")
    demand(keys, "no key is asked for")
    schemes = {}
    for key in keys:
        kid = uuid.UUID(key.get("kid"))
        schemes[kid] = key.get("commonEncryptionScheme")
        demand(schemes[kid] in ("cenc", "cbcs"), "commonEncryptionScheme is missing")
        demand(len(key) == 0, "the request has a key in it")
        secret = ElementTree.SubElement(ElementTree.SubElement(key, f"{CPIX}Data"), f"{PSKC}Secret")
        if sealer:
            sealer.seal(secret, key_of(kid))
        else:
            ElementTree.SubElement(secret, f"{PSKC}PlainValue").text = text64(key_of(kid))
        if path == "/other-key":
            key.set("kid", str(uuid.uuid4()))
        if schemes[kid] == "cbcs":
            key.set("explicitIV", text64(b"vector of chains"))
    for system in root.findall(f"{CPIX}DRMSystemList/{CPIX}DRMSystem"):
        kid, known = uuid.UUID(system.get("kid")), uuid.UUID(system.get("systemId"))
        demand(kid in schemes, "a DRMSystem is for a key that is not asked for")
        demand(known != FAIRPLAY or schemes[kid] == "cbcs", "FairPlay wants cbcs")
        for element in system:
            demand(not element.text and len(element) == 0, "the request has signalling in it")
            if element.tag == f"{CPIX}PSSH":
                data = {
                    WIDEVINE: lambda: b"\x08\x01\x12\x10" + kid.bytes + b"\x1a\x04acme\x22\x04film",
                    PLAYREADY: lambda: playready_object(kid),
                }[known]()
                element.text = None if path == "/no-pssh" else text64(pssh(known, data))
            elif element.tag == f"{CPIX}SmoothStreamingProtectionHeaderData":
                element.text = text64(playready_object(kid))
            elif element.tag == f"{CPIX}HLSSignalingData":
                name = {"media": "#EXT-X-KEY", "master": "#EXT-X-SESSION-KEY"}[element.get("playlist")]
                line = f'{name}:METHOD=SAMPLE-AES,URI="skd://licences.example/{kid}",KEYFORMAT="com.apple.streamingkeydelivery"'
                element.text = text64(line.encode())
            else:
                raise Wrong(f"{element.tag} is not known")
    rules = root.findall(f"{CPIX}ContentKeyUsageRuleList/{CPIX}ContentKeyUsageRule")
    demand({uuid.UUID(rule.get("kid")) for rule in rules} == set(schemes), "each key needs a usage rule")
    for rule in rules:
        demand(rule.get("intendedTrackType"), "intendedTrackType is missing")
        filters = sorted(child.tag for child in rule)
        if rule.get("intendedTrackType") == "ALL":
            demand(filters == [f"{CPIX}AudioFilter", f"{CPIX}VideoFilter"], "ALL is one of each filter")
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        version, status = "2.0", 200
        try:
            demand(self.headers["X-Speke-Version"] == "2.0", "Unsupported SPEKE version")
            demand(self.headers["X-Speke-User-Agent"], "X-Speke-User-Agent is missing")
            demand(self.headers["Content-Type"] == "application/xml", "Content-Type is not application/xml")
            demand(self.headers["Authorization"] == "Bearer s3cret", "who are you?")
            said = answer(ElementTree.fromstring(body), self.path)
            if self.path == "/refused":
                status, said = 403, b"this content is not yours\n"
            if self.path == "/old-version":
                version = "1.0"
            if self.path == "/html":
                said = b"<html>hello</html>"
        except Wrong as wrong:
            status, said = 400, str(wrong).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("X-Speke-Version", version)
        self.send_header("X-Speke-User-Agent", "stand-in")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
sys.stdout.flush()
server.serve_forever()
