"""Decrypts protected media with a library that is not the origin's: reads jobs as JSON lines from standard input,
writes one answer as a JSON line for each.

A job is {"kind": "samples" | "envelope", "key": hex, ...}:
  samples   "init": path or null, "segment": path, "scheme": for Smooth, which has no initialization segment;
            "keys": {key id: hex} in place of "key" where fragments name theirs
            -> {"payload": sha256, "vectors": [[vector, sha256 of the clear sample], ...], "protected": bytes,
                "info": what the boxes say}
  envelope  "object": path, "iv": hex -> {"payload": sha256, "padding": bytes}
"""

import hashlib
import json
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"sinf", b"schi", b"mvex"}
PIFF_SAMPLES = bytes.fromhex("a2394f525a9b4f14a2446c427c648df4")


def boxes(data, start, end):
    while start < end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        header = 8
        if size == 1:
            size = struct.unpack(">Q", data[start + 8 : start + 16])[0]
            header = 16
        assert size >= header and start + size <= end, (kind, size)
        yield kind, start, start + header, start + size
        start += size


def find(data, path, start=0, end=None):
    """All boxes at that path, with where they begin, their bodies begin and end."""
    end = len(data) if end is None else end
    for kind, whole, body, stop in boxes(data, start, end):
        if kind == path[0]:
            if len(path) == 1:
                yield whole, body, stop
            else:
                yield from find(data, path[1:], body, stop)


def one(data, path, start=0, end=None):
    found = list(find(data, path, start, end))
    assert len(found) == 1, (path, len(found))
    return found[0]


def track_encryption(init):
    _, body, stop = one(init, [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"])
    entry = body + 8
    size, kind = struct.unpack(">I4s", init[entry : entry + 8])
    assert kind in (b"encv", b"enca"), kind
    header = 86 if kind == b"encv" else 36
    sinf = [found for found in boxes(init, entry + header, entry + size) if found[0] == b"sinf"]
    assert len(sinf) == 1
    _, _, body, stop = sinf[0]
    original = init[slice(*one(init, [b"frma"], body, stop)[1:])]
    schm = init[slice(*one(init, [b"schm"], body, stop)[1:])]
    tenc = init[slice(*one(init, [b"schi", b"tenc"], body, stop)[1:])]
    version, pattern, protected, size = tenc[0], tenc[5], tenc[6], tenc[7]
    assert protected == 1
    constant = b""
    if size == 0:
        assert tenc[24] in (8, 16) and len(tenc) == 25 + tenc[24]
        constant = tenc[25:]
    systems = [init[body + 4 : body + 20].hex() for _, body, _ in find(init, [b"moov", b"pssh"])]
    return {
        "scheme": schm[4:8].decode(),
        "original": original.decode(),
        "kid": tenc[8:24].hex(),
        "vector_size": size,
        "constant": constant,
        "crypt": pattern >> 4 if version else 0,
        "skip": pattern & 15 if version else 0,
        "systems": systems,
    }


def sample_sizes(data, traf):
    flags = struct.unpack(">I", data[slice(*one(data, [b"tfhd"], *traf)[1:])][:4])[0] & 0xFFFFFF
    tfhd = data[slice(*one(data, [b"tfhd"], *traf)[1:])]
    at, default = 8, None
    for bit, length in ((1, 8), (2, 4), (8, 4), (0x10, 4), (0x20, 4)):
        if flags & bit:
            if bit == 0x10:
                default = struct.unpack(">I", tfhd[at : at + 4])[0]
            at += length
    trun = data[slice(*one(data, [b"trun"], *traf)[1:])]
    flags, count = struct.unpack(">I", trun[:4])[0] & 0xFFFFFF, struct.unpack(">I", trun[4:8])[0]
    at, offset = 8, None
    if flags & 1:
        offset = struct.unpack(">i", trun[8:12])[0]
        at += 4
    at += 4 if flags & 4 else 0
    sizes = []
    for _ in range(count):
        size = default
        for bit in (0x100, 0x200, 0x400, 0x800):
            if flags & bit:
                if bit == 0x200:
                    size = struct.unpack(">I", trun[at : at + 4])[0]
                at += 4
        sizes.append(size)
    assert at == len(trun)
    return offset, sizes


def of_kind(data, name, kind, traf):
    return [f for f in find(data, [name], *traf) if data[f[1] + 4 : f[1] + 8] == kind]


def parameters(data, traf, count, default):
    """How each sample is encrypted: as the track's header says, or its sample group."""
    assigned, described = of_kind(data, b"sbgp", b"seig", traf), of_kind(data, b"sgpd", b"seig", traf)
    assert len(assigned) == len(described) <= 1
    if not assigned:
        return [default] * count
    _, at, stop = described[0]
    assert data[at] == 1 and struct.unpack(">I", data[at + 8 : at + 12])[0] == 0
    groups, at = [], at + 16
    while at < stop:
        length = struct.unpack(">I", data[at : at + 4])[0]
        entry = data[at + 4 : at + 4 + length]
        at += 4 + length
        group = dict(default, protected=entry[2], vector_size=entry[3], kid=entry[4:20].hex(), constant=b"")
        group["crypt"], group["skip"] = entry[1] >> 4, entry[1] & 15
        if entry[2] and not entry[3]:
            assert entry[20] == 16 and len(entry) == 37
            group["constant"] = entry[21:]
        groups.append(group)
    assert struct.unpack(">I", data[described[0][1] + 12 : described[0][1] + 16])[0] == len(groups)
    _, at, stop = assigned[0]
    runs = struct.unpack(">I", data[at + 8 : at + 12])[0]
    assert at + 12 + 8 * runs == stop
    found = []
    for run in range(runs):
        number, index = struct.unpack(">II", data[at + 12 + 8 * run : at + 20 + 8 * run])
        found += [groups[index - 0x10001] if index else default] * number
    assert len(found) == count
    return found


def sample_entries(data, traf, moof, told):
    """Vector and stretches of each sample, from senc or PIFF's box; saiz and saio have to agree with senc. What PIFF's
    box says in place of the track's header goes into `told`."""
    piff = [f for f in find(data, [b"uuid"], *traf) if data[f[1] : f[1] + 16] == PIFF_SAMPLES]
    senc = list(find(data, [b"senc"], *traf))
    assert len(piff) + len(senc) <= 1
    if not piff and not senc:
        return None
    body, stop = (piff[0][1] + 16, piff[0][2]) if piff else senc[0][1:]
    flags, count = struct.unpack(">I", data[body : body + 4])[0] & 0xFFFFFF, struct.unpack(">I", data[body + 4 : body + 8])[0]
    if flags & 1:
        assert piff
        word, kid = struct.unpack(">I", data[body + 4 : body + 8])[0], data[body + 8 : body + 24]
        own = {"protected": int(word >> 8 != 0), "vector_size": word & 255, "kid": kid.hex(), "constant": b""}
        told[:] = [dict(entry, **own) for entry in told]
        body += 20
        count = struct.unpack(">I", data[body + 4 : body + 8])[0]
        assert word >> 8 <= 1
        if not word >> 8:
            assert count == 0 and stop == body + 8
            return None
    assert count == len(told)
    at, entries, places = body + 8, [], []
    for index in range(count):
        begin, vector_size = at, told[index]["vector_size"]
        vector = data[at : at + vector_size]
        at += vector_size
        parts = None
        if flags & 2:
            number = struct.unpack(">H", data[at : at + 2])[0]
            at += 2
            parts = [struct.unpack(">HI", data[at + 6 * n : at + 6 * n + 6]) for n in range(number)]
            at += 6 * number
        entries.append((vector, parts))
        places.append((begin, at - begin))
    assert at == stop
    if senc:
        saiz = data[slice(*one(data, [b"saiz"], *traf)[1:])]
        saio = data[slice(*one(data, [b"saio"], *traf)[1:])]
        number = struct.unpack(">I", saiz[5:9])[0]
        lengths = [saiz[4]] * number if saiz[4] else list(saiz[9:])
        assert lengths == [length for _, length in places]
        assert struct.unpack(">II", saio[4:12]) == (1, places[0][0] - moof)
    return entries


def decrypt_sample(key, sample, vector, parts, info):
    """The clear sample, and how many of its bytes were protected."""
    if not info["protected"]:
        assert not vector and not parts
        return sample, 0
    if parts is None:
        parts = [(0, len(sample))]
    assert sum(clear + protected for clear, protected in parts) == len(sample)
    out, at, protected_bytes = bytearray(sample), 0, 0
    counter = None
    if info["scheme"] != "cbcs":
        counter = Cipher(algorithms.AES(key), modes.CTR(vector + bytes(8))).decryptor()
    for clear, protected in parts:
        at += clear
        piece = sample[at : at + protected]
        if counter is not None:
            # As we write it; others' samples may be otherwise (ISO/IEC 23001-7 9.5.2.2).
            assert parts == [(0, len(sample))] or protected % 16 == 0 or info["unaligned"]
            out[at : at + protected] = counter.update(piece)
        else:
            chain = Cipher(algorithms.AES(key), modes.CBC(info["constant"])).decryptor()
            crypt, skip = (info["crypt"], info["skip"]) if info["crypt"] else (1, 0)
            block = 0
            while (block + 1) * 16 <= protected:
                if block % (crypt + skip) < crypt:
                    out[at + block * 16 : at + block * 16 + 16] = chain.update(piece[block * 16 : block * 16 + 16])
                block += 1
        protected_bytes += protected
        at += protected
    return bytes(out), protected_bytes


def samples(job):
    if job["init"] is None:
        info = {"scheme": job["scheme"], "vector_size": 8, "constant": b"", "crypt": 0, "skip": 0}
        info["kid"] = job.get("kid", "")
    else:
        info = track_encryption(open(job["init"], "rb").read())
    info["unaligned"], info["protected"] = job.get("unaligned", False), 1
    data = open(job["segment"], "rb").read()
    moof, body, stop = one(data, [b"moof"])
    _, start, end = one(data, [b"traf"], body, stop)
    offset, sizes = sample_sizes(data, (start, end))
    told = parameters(data, (start, end), len(sizes), info)
    entries = sample_entries(data, (start, end), moof, told)
    mdat = one(data, [b"mdat"])
    at = moof + offset
    assert at == mdat[1] and at + sum(sizes) == mdat[2]
    payload, vectors, protected = hashlib.sha256(), [], 0
    for index, size in enumerate(sizes):
        vector, parts = entries[index] if entries is not None else (b"", None)
        key = bytes.fromhex(job["keys"][told[index]["kid"]] if "keys" in job and told[index]["protected"] else job.get("key", ""))
        clear, count = decrypt_sample(key, data[at : at + size], vector, parts, told[index])
        payload.update(clear)
        protected += count
        if vector:
            vectors.append([vector.hex(), hashlib.sha256(clear).hexdigest()])
        at += size
    info["constant"] = info["constant"].hex()
    kids = sorted({entry["kid"] if entry["protected"] else "" for entry in told})
    headers = [data[b + 4 : b + 20].hex() for _, b, _ in find(data, [b"moof", b"pssh"])]
    return {
        "payload": payload.hexdigest(),
        "vectors": vectors,
        "protected": protected,
        "info": info,
        "kids": kids,
        "headers": headers,
    }


def envelope(job):
    data = open(job["object"], "rb").read()
    chain = Cipher(algorithms.AES(bytes.fromhex(job["key"])), modes.CBC(bytes.fromhex(job["iv"]))).decryptor()
    clear = chain.update(data) + chain.finalize()
    padding = clear[-1]
    assert 1 <= padding <= 16 and clear[-padding:] == bytes([padding]) * padding
    return {"payload": hashlib.sha256(clear[:-padding]).hexdigest(), "padding": padding}


for line in sys.stdin:
    job = json.loads(line)
    try:
        answer = {"samples": samples, "envelope": envelope}[job["kind"]](job)
    except (AssertionError, struct.error, IndexError) as error:
        answer = {"error": f"{type(error).__name__} {error} in {job}"}
    print(json.dumps(answer), flush=True)
