// Which player is asked to play which output format, and by which URL.

export const formats = {
  smooth: { path: '/manifest', everyLanguage: true },
  'mpd-time-csf': { path: '/manifest(format=mpd-time-csf).mpd', everyLanguage: true },
  'mpd-time-cmaf': { path: '/manifest(format=mpd-time-cmaf).mpd', everyLanguage: true },
  'm3u8-aapl': { path: '/manifest(format=m3u8-aapl).m3u8', everyLanguage: true },
  // Muxed transport streams carry one language, chosen in the URL.
  'm3u8-aapl-v3': { path: '/manifest(format=m3u8-aapl-v3).m3u8', everyLanguage: false },
  'm3u8-cmaf': { path: '/manifest(format=m3u8-cmaf).m3u8', everyLanguage: true },
};

const plays = {
  shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-aapl', 'm3u8-aapl-v3', 'm3u8-cmaf'],
  hlsjs: ['m3u8-aapl', 'm3u8-aapl-v3', 'm3u8-cmaf'],
  dashjs: ['mpd-time-csf', 'mpd-time-cmaf', 'smooth'],
};

/** Every case as { name, player, format, url, everyLanguage }; url is undefined without a base. */
export function allCases(base, overrides) {
  return Object.entries(plays).flatMap(([player, names]) =>
    names.map((format) => {
      const name = `${player}/${format}`;
      const { path, everyLanguage } = formats[format];
      return { name, player, format, everyLanguage, url: overrides[name] ?? (base && base + path) };
    }),
  );
}
