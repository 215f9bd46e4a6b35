"""Encrypts the files of a folder as clients of Azure Media Services did before they uploaded them
(StorageEncrypted, version 1.0): AES-256-CTR, the key wrapped for the account's certificate.

Usage: encrypt.py FOLDER OUTPUT CERTIFICATE_DER KEY_ID
Writes the files, and to standard output EncryptedContentKey, Checksum and the InitializationVector of each file.
"""

import base64
import json
import os
import pathlib
import sys
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

source, target, certificate, key_id = sys.argv[1:]
key = os.urandom(32)
public = x509.load_der_x509_certificate(pathlib.Path(certificate).read_bytes()).public_key()
oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
block = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
checksum = block.update(uuid.UUID(key_id).bytes_le)[:8]
files = {}
pathlib.Path(target).mkdir(parents=True, exist_ok=True)
for path in sorted(pathlib.Path(source).iterdir()):
    iv = int.from_bytes(os.urandom(8), "big")
    cipher = Cipher(algorithms.AES(key), modes.CTR(iv.to_bytes(8, "big") + bytes(8))).encryptor()
    (pathlib.Path(target) / path.name).write_bytes(cipher.update(path.read_bytes()))
    files[path.name] = str(iv)
text = {
    "EncryptedContentKey": base64.b64encode(public.encrypt(key, oaep)).decode(),
    "Checksum": base64.b64encode(checksum).decode(),
    "Files": files,
}
print(json.dumps(text))
