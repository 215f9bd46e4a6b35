"""What is measured, and the goal of each."""

import random


class Workload:
    """Random requests for `urls`; `cached` says whether the segment cache may keep them, `transport` what they are
    made over: `http`, `https` (HTTP/1.1) or `h2` (HTTP/2 over TLS)."""

    def __init__(self, name, urls, cached, goal, transport="http"):
        self.name, self.urls, self.cached, self.goal, self.transport = name, urls, cached, goal, transport


def _some(lists, count):
    """`count` of all segments but the last ones, which are short; the same in each run."""
    full = [url for urls in lists for url in (urls[:-1] or urls)]
    return random.Random(20).sample(full, min(count, len(full)))


def of(ladder, long, protected, count):
    """All workloads on a ladder of ten minutes, a film of two hours, and the ladder in each protection."""
    cenc, _ = protected["cenc"].dash("mpd-time-csf")
    _, cbcs = protected["cbcs"].hls("m3u8-cmaf")
    _, aes = protected["aes-128"].hls("m3u8-aapl-v3")
    csf, inits = ladder.dash("mpd-time-csf")
    cmaf, _ = ladder.dash("mpd-time-cmaf")
    smooth = ladder.smooth()
    playlists, ts = ladder.hls("m3u8-aapl-v3")
    _, v4 = ladder.hls("m3u8-aapl")
    hls_cmaf, _ = ladder.hls("m3u8-cmaf")
    middle = lambda lists: [lists[-1][len(lists[-1]) // 2]]
    ends = long.dash("mpd-time-csf")[0]["video"][-1]
    full = ends[:-1] or ends
    return [
        Workload("same segment, DASH", middle(csf["video"]), True, 0.6),
        Workload("same segment, Smooth", middle(smooth["video"]), True, 0.6),
        Workload("same segment, CMAF", middle(cmaf["video"]), True, 0.6),
        Workload("same segment, TS muxed", middle(ts), True, 0.6),
        Workload("same segment, cenc", middle(cenc["video"]), True, 0.6),
        Workload("same segment, TS under AES-128", middle(aes), True, 0.6),
        Workload("same segment, DASH over TLS", middle(csf["video"]), True, None, "https"),
        Workload("same segment, DASH over HTTP/2", middle(csf["video"]), True, None, "h2"),
        Workload("random, DASH csf", _some(csf["video"], count), False, 0.9),
        Workload("random, CMAF (DASH, HLS)", _some(cmaf["video"], count), False, 0.9),
        Workload("random, Smooth", _some(smooth["video"], count), False, 0.9),
        Workload("random, TS muxed (HLS 3)", _some(ts, count), False, 1.0),
        Workload("random, TS (HLS 4)", _some(v4, count), False, 1.0),
        Workload("random, cenc (DASH csf)", _some(cenc["video"], count), False, 1.15),
        Workload("random, cbcs (HLS CMAF)", _some(cbcs, count), False, 1.0),
        Workload("random, TS under AES-128", _some(aes, count), False, "1 + cipher"),
        Workload("audio of a muxed film", _some(csf["audio"], count), False, "≤ 40 µs"),
        Workload("DASH manifest, cached", [ladder.manifest("mpd-time-csf")], True, 0.9),
        Workload("Smooth manifest, cached", [ladder.base + "/Manifest"], True, 0.9),
        Workload("HLS multivariant, cached", [ladder.manifest("m3u8-cmaf")], True, 0.9),
        Workload("HLS playlist, cached", [hls_cmaf[-1]], True, 0.9),
        Workload("init segment, cached", inits["video"][-1:], True, 0.9),
        Workload("DASH manifest of 2 h, made", [long.manifest("mpd-time-csf")], False, "≤ 200 µs"),
        Workload("Smooth manifest of 2 h, made", [long.base + "/Manifest"], False, "≤ 200 µs"),
        Workload("HLS playlist of 2 h, made", [long.hls("m3u8-aapl-v3")[0][-1]], False, "≤ 200 µs"),
        Workload("first segment of 2 h", full[:1], False, None),
        Workload("last segment of 2 h", full[-1:], False, None),
    ]
