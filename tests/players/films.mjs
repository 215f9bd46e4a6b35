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

/** { name, folder, duration in seconds, heights, languages, plays, more }; the demo film first. */
export const films = [
  { name: 'demo', duration: 40, heights: [234, 360, 540, 720], languages: ['eng', 'spa'], plays: everything },
  { name: 'av1', folder: 'av1', duration: 12, heights: [90, 144], languages: ['eng'], plays: fragmentedOnly },
  { name: 'vp9', folder: 'vp9', duration: 12, heights: [90, 144], languages: ['eng'], plays: fragmentedOnly },
];

/** The locator under which `demo` publishes a film, as { folder, locator, path }. */
export function published(film) {
  const number = String(films.indexOf(film)).padStart(12, '0');
  const locator = film.folder ? `00000000-0000-4000-8000-${number}` : '00000000-0000-4000-8000-0000dec0de00';
  return { folder: film.folder, locator, path: `/${locator}/${film.folder ? 'film' : film.name}.ism` };
}
