// hls.js behind the few verbs that the judge uses.
import Hls from './vendor/hls.mjs';

let player;
let language;

export default {
  load(video, url, problem) {
    // Clear keys, where a film is protected with them, are given by the server that gives the film.
    const licenseUrl = new URL('/ClearKey/', url).href;
    player = new Hls({ emeEnabled: true, drmSystems: { 'org.w3.clearkey': { licenseUrl } } });
    player.on(Hls.Events.ERROR, (_, { fatal, type, details, error }) => {
      if (fatal) problem(`hls.js ${type} ${details} ${error?.message ?? ''}`);
    });
    player.on(Hls.Events.AUDIO_TRACK_SWITCHED, (_, { lang }) => (language = lang));
    player.loadSource(url);
    player.attachMedia(video);
  },
  qualities: () => player.levels.map((level) => level.height),
  force: (height) => (player.currentLevel = player.levels.findIndex((level) => level.height === height)),
  languages: () => player.audioTracks.map((track) => track.lang),
  choose: (wanted) => (player.audioTrack = player.audioTracks.findIndex((track) => track.lang === wanted)),
  texts: () => player.subtitleTracks.map((track) => track.lang),
  showText(wanted) {
    player.subtitleTrack = player.subtitleTracks.findIndex((track) => track.lang === wanted);
    player.subtitleDisplay = true;
  },
  chosen: () => language,
};
