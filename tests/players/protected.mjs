// The demo film, protected in each way, in the players that can open it; and with a key that nobody gives, in none.
//
//     node tests/players/protected.mjs HTTP://HOST:PORT LOCATOR...
//
// The locators are those of `protected`: AES-128, cenc, cbcs, and all three once more with keys that take a token.
import { chromium } from 'playwright-core';
import { formats } from './cases.mjs';
import { films } from './films.mjs';
import { judge } from './judge.mjs';
import { startSite } from './site.mjs';

const [base, ...locators] = process.argv.slice(2);

/** Who opens what: of `cbcs` in fragmented HLS hls.js takes the key itself for that of a transport stream. */
const plays = {
  'aes-128': {
    shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-aapl', 'm3u8-aapl-v3', 'm3u8-cmaf'],
    hlsjs: ['m3u8-aapl', 'm3u8-aapl-v3', 'm3u8-cmaf'],
  },
  cenc: { shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-cmaf'], dashjs: ['mpd-time-csf', 'mpd-time-cmaf'], hlsjs: ['m3u8-cmaf'] },
  cbcs: { shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-cmaf'], dashjs: ['mpd-time-csf', 'mpd-time-cmaf'], hlsjs: ['m3u8-aapl'] },
};

const [demo] = films;
const cases = ['open', 'token'].flatMap((policy, row) =>
  Object.entries(plays).flatMap(([how, players], column) =>
    Object.entries(players).flatMap(([player, names]) =>
      names.map((format) => ({
        name: `${how}/${player}/${format}${policy === 'token' ? ' without a token' : ''}`,
        film: demo,
        player,
        format,
        everyLanguage: formats[format].everyLanguage,
        url: `${base}/${locators[3 * row + column]}/demo.ism${formats[format].path}`,
        refused: policy === 'token',
      })),
    ),
  ),
);

const site = await startSite();
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
});
let failed = 0;
for (const test of cases) {
  const start = Date.now();
  let verdict;
  try {
    const details = await judge(browser, site, test);
    verdict = test.refused ? `FAIL ${test.name} it plays` : `ok ${test.name} ${details}`;
  } catch (error) {
    const [reason] = error.message.split('\n');
    // It has to be the key that was refused, not something else that went wrong.
    const isRefused = test.refused && /40[13]/.test(reason);
    verdict = isRefused ? `ok ${test.name}: ${reason.slice(0, 60)}` : `FAIL ${test.name} ${reason}`;
  }
  failed += verdict.startsWith('FAIL');
  console.log(`${verdict} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
}
await browser.close();
site.close();
console.log(`players: ${cases.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
