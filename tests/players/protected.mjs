// Real players in headless Chromium decrypt protected films, through Encrypted Media Extensions (ClearKey) or by
// themselves (AES-128): with the key that the key delivery service gives them, or not at all.
//   node tests/players/protected.mjs [--only NAME] [--jobs N] [--screenshot DIR] BASE_URL LIST
// LIST has a line for each film: scheme, `open` or `token`, locator, a token for its key or `-`.
import { mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { judgeAll } from './browser.mjs';
import { startSite } from './site.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', multiple: true, default: [] }, jobs: { type: 'string', default: '3' }, screenshot: { type: 'string' } },
});
const [base, list] = positionals;
if (!base || !list) {
  console.log('node tests/players/protected.mjs [--only NAME] [--jobs N] [--screenshot DIR] BASE_URL LIST');
  process.exit(2);
}
if (options.screenshot) mkdirSync(options.screenshot, { recursive: true });

// Who opens what: hls.js and dash.js have each one of HLS and DASH, Shaka Player takes no SAMPLE-AES in transport
// streams, and nobody but Shaka Player knows the envelope in DASH.
const players = {
  'aes-128': {
    shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-aapl', 'm3u8-aapl-v3', 'm3u8-cmaf'],
    hlsjs: ['m3u8-aapl', 'm3u8-aapl-v3', 'm3u8-cmaf'],
  },
  cenc: { shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-cmaf'], dashjs: ['mpd-time-csf', 'mpd-time-cmaf'], hlsjs: ['m3u8-cmaf'] },
  cbcs: { shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-cmaf'], dashjs: ['mpd-time-csf', 'mpd-time-cmaf'], hlsjs: ['m3u8-aapl', 'm3u8-cmaf'] },
};
const pairs = (scheme) => Object.entries(players[scheme]).flatMap(([player, formats]) => formats.map((format) => [player, format]));
const suffix = (format) => (format.startsWith('mpd') ? '.mpd' : '.m3u8');

const films = readFileSync(list, 'utf8').split('\n').filter(Boolean).map((line) => line.split(' '));
const foreign = films.find(([scheme, access]) => access === 'token' && scheme === 'cenc')?.[3];
const other = films.find(([scheme, access]) => access === 'token' && scheme === 'aes-128')?.[3];
const cases = films.flatMap(([scheme, access, locator, token]) => pairs(scheme).flatMap(([player, format]) => {
  // Shaka Player knows no clear keys' key format in playlists, but the key itself, see docs/encryption.md.
  const itself = `${scheme}/${player}/${format}` === 'cbcs/shaka/m3u8-cmaf' ? ',encryption=cbcs-aapl' : '';
  const url = `${base}/${locator}/demo.ism/manifest(format=${format}${itself})${suffix(format)}`;
  const name = `${scheme}/${player}/${format}`;
  if (access === 'open') return [{ name: `${name}/open`, player, format, url, plays: true }];
  return [
    { name: `${name}/token`, player, format, url, token, plays: true },
    { name: `${name}/wrong-token`, player, format, url, token: scheme === 'cenc' ? other : foreign, plays: false },
  ];
})).filter(({ name }) => !options.only.length || options.only.some((one) => name.includes(one)));

async function judge(browser, site, test) {
  const page = await browser.newPage({ viewport: { width: 1040, height: 680 } });
  try {
    await page.goto(site.origin);
    await page.evaluate(
      ([player, format, url, settings]) => open(player, format, url, settings),
      [test.player, test.format, test.url, { token: test.token, clearKey: `${base}/ClearKey/` }],
    );
    const look = () => page.evaluate(() => state());
    if (!test.plays) {
      // What is shown without the right key is nothing, and the player is told.
      await page.waitForFunction(() => problems.length > 0, null, { timeout: 30_000 });
      await page.waitForTimeout(1000);
      const { frames, audioBytes, problems } = await look();
      if (frames || audioBytes) throw new Error(`${frames} frames and ${audioBytes} bytes of sound in spite of the wrong token`);
      // It has to be the key that was refused, not something else that went wrong.
      if (!/40[13]/.test(problems.join(' '))) throw new Error('something else than the key was refused');
      return `refused: ${problems[0].slice(0, 60)}`;
    }
    const moved = (time) => page.waitForFunction(
      (t) => problems.length || (video.currentTime > t && !video.seeking), time, { timeout: 40_000 });
    await moved(2);
    const before = await look();
    if (before.problems.length) throw new Error(before.problems.join('; '));
    if (before.frames < 30 || !before.audioBytes) throw new Error(`${before.frames} frames, ${before.audioBytes} bytes of sound at 2 s`);
    await page.evaluate(() => { video.currentTime = 30; return video.play(); });
    await moved(31);
    const after = await look();
    if (after.problems.length) throw new Error(after.problems.join('; '));
    if (after.frames <= before.frames || after.audioBytes <= before.audioBytes) throw new Error('nothing is decoded after a seek');
    if (options.screenshot) await page.screenshot({ path: `${options.screenshot}/${test.name.replaceAll('/', '-')}.png` });
    return `${after.frames} frames, ${after.audioBytes} bytes of sound`;
  } catch (error) {
    const { time, frames, problems } = await page.evaluate(() => state());
    throw new Error(`${error.message.split('\n')[0]}; at ${time} s, ${frames} frames, problems: ${problems.join('; ')}`);
  } finally {
    await page.close();
  }
}

const site = await startSite();
const failed = await judgeAll(cases, Number(options.jobs), (browser, test) => judge(browser, site, test));
site.close();
process.exit(failed ? 1 : 0);
