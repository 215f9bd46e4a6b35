"""The URLs of a film's objects, read from its manifests as a player reads them."""

import re
import xml.etree.ElementTree as xml
from urllib.parse import urljoin

from .servers import fetch

MPD = "{urn:mpeg:dash:schema:mpd:2011}"


class Film:
    """The objects of one film at one server, as paths."""

    def __init__(self, server, base, parameters=""):
        # `parameters` go into each manifest's parentheses, e.g. ",encryption=cenc".
        self.server, self.base, self.parameters = server, base, parameters

    def manifest(self, tag):
        return f"{self.base}/Manifest(format={tag}{self.parameters})"

    def _text(self, path):
        return fetch(self.server.base() + path).decode()

    def dash(self, tag="mpd-time-csf"):
        """By content type, the lists of segments of each quality, least first; and the init segments."""
        path = self.manifest(tag)
        kinds, inits = {}, {}
        for group in xml.fromstring(self._text(path)).iter(MPD + "AdaptationSet"):
            template = group.find(MPD + "SegmentTemplate")
            kind = group.get("contentType") or group.get("mimeType", "").split("/")[0]
            if template is None or template.find(MPD + "SegmentTimeline") is None or "KeyFrames" in template.get("media"):
                continue
            times, time = [], 0
            for run in template.find(MPD + "SegmentTimeline"):
                time = int(run.get("t", time))
                for _ in range(int(run.get("r", 0)) + 1):
                    times.append(time)
                    time += int(run.get("d"))
            for quality in group.iter(MPD + "Representation"):
                below = urljoin(path, quality.findtext(MPD + "BaseURL", ""))
                fill = lambda text, time=0: urljoin(below, text.replace("$Time$", str(time)).replace(
                    "$Bandwidth$", quality.get("bandwidth")).replace("$RepresentationID$", quality.get("id")))
                rate = int(quality.get("bandwidth"))
                kinds.setdefault(kind, []).append((rate, [fill(template.get("media"), time) for time in times]))
                inits.setdefault(kind, []).append((rate, fill(template.get("initialization"))))
        order = lambda lists: {kind: [item for _, item in sorted(lists[kind])] for kind in lists}
        return order(kinds), order(inits)

    def smooth(self):
        """By type, the lists of fragments of each quality, least first."""
        kinds = {}
        for stream in xml.fromstring(self._text(self.base + "/Manifest")).iter("StreamIndex"):
            times, time = [], 0
            for chunk in stream.iter("c"):
                time = int(chunk.get("t", time))
                for _ in range(int(chunk.get("r", 1))):
                    times.append(time)
                    time += int(chunk.get("d"))
            rates = sorted(int(level.get("Bitrate")) for level in stream.iter("QualityLevel"))
            url = stream.get("Url")
            fill = lambda rate, time: url.replace("{bitrate}", str(rate)).replace("{start time}", str(time))
            kinds[stream.get("Type")] = [[f"{self.base}/{fill(rate, time)}" for time in times] for rate in rates]
        return kinds

    def hls(self, tag):
        """The playlists of the variants, by bit rate, and the lists of their segments."""
        path = self.manifest(tag)
        variants = re.findall(r"#EXT-X-STREAM-INF:\S*?BANDWIDTH=(\d+).*\n(\S+)", self._text(path))
        playlists = [urljoin(path, uri) for _, uri in sorted(set(variants), key=lambda v: int(v[0]))]
        lists = [[urljoin(p, line) for line in self._text(p).splitlines() if line and not line.startswith("#")]
                 for p in playlists]
        pairs = [(p, l) for p, l in zip(playlists, lists) if l]
        return [p for p, _ in pairs], [l for _, l in pairs]
