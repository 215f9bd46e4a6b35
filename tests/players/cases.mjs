// Which player is asked to play which output format of which film, and by which URL.
import { films, published } from './films.mjs';

export const formats = {
  smooth: { path: '/manifest', everyLanguage: true },
  'mpd-time-csf': { path: '/manifest(format=mpd-time-csf).mpd', everyLanguage: true },
  'mpd-time-cmaf': { path: '/manifest(format=mpd-time-cmaf).mpd', everyLanguage: true },
  'm3u8-aapl': { path: '/manifest(format=m3u8-aapl).m3u8', everyLanguage: true },
  // Muxed transport streams carry one language, chosen in the URL.
  'm3u8-aapl-v3': { path: '/manifest(format=m3u8-aapl-v3).m3u8', everyLanguage: false },
  'm3u8-cmaf': { path: '/manifest(format=m3u8-cmaf).m3u8', everyLanguage: true },
};

/**
 * Every case as { name, film, player, format, url, everyLanguage }. `base` is the manifests' common start of
 * the demo film, which is then judged alone, or the address of a server on which `demo` published all
 * films; url is undefined without it.
 */
export function allCases(base, overrides) {
  const one = base?.endsWith('.ism');
  return films.slice(0, one ? 1 : undefined).flatMap((film) =>
    Object.entries(film.plays).flatMap(([player, names]) =>
      names.map((format) => {
        const short = `${player}/${format}`;
        const name = film.folder ? `${film.name}/${short}` : short;
        const { path, everyLanguage } = formats[format];
        const start = base && (one ? base : base + published(film).path);
        return { name, film, player, format, everyLanguage, url: overrides[name] ?? (start && start + path) };
      }),
    ),
  );
}
