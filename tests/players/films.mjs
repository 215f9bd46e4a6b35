// The films that players are asked to play: what is expected of each, and by whom it is played.
//
// To add one: an entry here, its folder in fixtures/films. `demo` publishes them all; `more`, where a
// film has something of its own to show, puts the player through further paces (judge.mjs says with what).

const everything = {
  shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-aapl', 'm3u8-aapl-v3', 'm3u8-cmaf'],
  hlsjs: ['m3u8-aapl', 'm3u8-aapl-v3', 'm3u8-cmaf'],
  dashjs: ['mpd-time-csf', 'mpd-time-cmaf', 'smooth'],
};

/** Codecs that neither transport streams nor Smooth carry. */
const fragmentedOnly = {
  shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-cmaf'],
  hlsjs: ['m3u8-cmaf'],
  dashjs: ['mpd-time-csf', 'mpd-time-cmaf'],
};

/**
 * Opus: hls.js (1.7.4) plays it, but ends at once when a quality is forced right after a seek to the beginning;
 * dash.js (5.2) plays it in csf, but does not always say that it has ended.
 */
const opus = { shaka: fragmentedOnly.shaka, dashjs: ['mpd-time-cmaf'] };

/** MP3: Chromium takes it from transport streams, where hls.js hands it on as it is; as a rendition it does not. */
const muxedAlone = { hlsjs: ['m3u8-aapl-v3'] };

/** { name, folder, manifest where it is not `film`, duration in seconds, heights, languages, plays, more }; the demo film first. */
export const films = [
  { name: 'demo', duration: 40, heights: [234, 360, 540, 720], languages: ['eng', 'spa'], plays: everything },
  { name: 'av1', folder: 'av1', duration: 12, heights: [90, 144], languages: ['eng'], plays: fragmentedOnly },
  { name: 'vp9', folder: 'vp9', duration: 12, heights: [90, 144], languages: ['eng'], plays: fragmentedOnly },
  { name: 'opus', folder: 'opus', duration: 12, heights: [90], languages: ['eng', 'spa'], plays: opus },
  { name: 'flac', folder: 'flac', duration: 12, heights: [90], languages: ['eng', 'spa'], plays: fragmentedOnly },
  { name: 'mp3', folder: 'mp3', duration: 12, heights: [90], languages: ['eng', 'spa'], plays: muxedAlone },
  {
    name: 'twelve-tracks',
    folder: 'twelve-tracks',
    manifest: 'twelve-tracks',
    duration: 12,
    heights: [90],
    languages: ['eng', 'spa', 'fra', 'deu', 'ita', 'jpn', 'por', 'nld', 'swe'],
    plays: { shaka: ['mpd-time-cmaf', 'm3u8-cmaf'], hlsjs: ['m3u8-aapl', 'm3u8-cmaf'], dashjs: ['mpd-time-cmaf', 'smooth'] },
  },
  { name: 'angles', folder: 'angles', duration: 6, heights: [90, 144], languages: ['en-GB'], plays: { shaka: ['m3u8-cmaf'], hlsjs: ['m3u8-cmaf'] } },
  {
    name: 'since-1970',
    folder: 'since-1970',
    duration: 6,
    heights: [90, 144],
    languages: ['eng'],
    plays: { shaka: ['mpd-time-csf', 'm3u8-aapl'], hlsjs: ['m3u8-aapl', 'm3u8-cmaf'], dashjs: ['mpd-time-csf'] },
  },
];

/** The locator under which `demo` publishes a film, as { folder, locator, path }. */
export function published(film) {
  const number = String(films.indexOf(film)).padStart(12, '0');
  const locator = film.folder ? `00000000-0000-4000-8000-${number}` : '00000000-0000-4000-8000-0000dec0de00';
  return { folder: film.folder, locator, path: `/${locator}/${film.manifest ?? (film.folder ? 'film' : film.name)}.ism` };
}
