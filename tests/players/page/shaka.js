// Shaka Player behind the few verbs that the judge uses.
import './vendor/shaka.js';

const { shaka } = window;
let player;

export default {
  async load(video, url, problem, { token } = {}) {
    shaka.polyfill.installAll();
    player = new shaka.Player();
    // A busy machine is no fault of the origin: wait for it, and never hide a quality that came late.
    const patience = { timeout: 30000, stallTimeout: 30000, connectionTimeout: 30000 };
    player.configure({
      manifest: { retryParameters: patience },
      streaming: { retryParameters: patience, maxDisabledTime: 0 },
    });
    const { LICENSE, KEY } = shaka.net.NetworkingEngine.RequestType;
    player.getNetworkingEngine().registerRequestFilter((type, request) => {
      if (token && [LICENSE, KEY].includes(type)) request.headers.Authorization = `Bearer ${token}`;
    });
    player.addEventListener('error', ({ detail }) => problem(describe(detail)));
    try {
      await player.attach(video);
      await player.load(url);
    } catch (error) {
      problem(describe(error));
    }
  },
  qualities: () => [...new Set(player.getVariantTracks().map((track) => track.height))],
  force(height) {
    player.configure('abr.enabled', false);
    const tracks = player.getVariantTracks();
    const now = tracks.find((track) => track.active);
    const wanted = tracks.filter((track) => track.height === height);
    player.selectVariantTrack(wanted.find((track) => track.language === now?.language) ?? wanted[0], true);
  },
  languages: () => player.getAudioTracks().map((track) => track.language),
  choose: (language) => player.selectAudioTrack(player.getAudioTracks().find((track) => track.language === language)),
  texts: () => player.getTextTracks().map((track) => track.language),
  showText: (language) => player.selectTextTrack(player.getTextTracks().find((track) => track.language === language)),
  wind: (rate) => player.trickPlay(rate),
  unwind: () => player.cancelTrickPlay(),
  images: () => player.getImageTracks().length,
  async thumbnail(time) {
    const tracks = player.getImageTracks();
    const found = await player.getThumbnails(tracks[tracks.length - 1].id, time);
    if (!found) return undefined;
    const { uris, positionX, positionY, width, height, startTime } = found;
    return { url: uris[0], x: positionX, y: positionY, width, height, start: startTime };
  },
  index: async (url) => (await player.addThumbnailsTrack(url)).id,
  chosen: () => player.getAudioTracks().find((track) => track.active)?.language,
};

/** The error's number, and the status of the answer that it comes from if there is one. */
function describe(error) {
  const { BAD_HTTP_STATUS, LICENSE_REQUEST_FAILED } = shaka.util.Error.Code;
  const from = error.code === LICENSE_REQUEST_FAILED ? error.data[0] : error;
  const status = from?.code === BAD_HTTP_STATUS ? ` HTTP ${from.data[1]}` : '';
  return `shaka ${error.severity === 1 ? 'recoverable ' : ''}${error.code ?? ''} ${error.message ?? error}${status}`;
}
