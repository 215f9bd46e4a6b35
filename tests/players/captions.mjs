// Real players show a film's captions: every cue of each language at its time, as the player's own API has it.
//   node tests/players/captions.mjs [--only PLAYER/FORMAT] [--screenshot DIR] BASE_URL LANGUAGE=FILE.vtt...
// FILE is what the captions were written in, or a table of `begin end text` lines in milliseconds (`.txt`).
import { mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { allCases } from './cases.mjs';
import { startSite } from './site.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', multiple: true, default: [] }, screenshot: { type: 'string' } },
});
const [base, ...sources] = positionals;
const canonical = (language) => (language ? Intl.getCanonicalLocales(language)[0] : 'und');
const millis = (clock) => Math.round(clock.replace(',', '.').split(':').reduce((sum, part) => sum * 60 + Number(part), 0) * 1000);
const bare = (text) => text.replace(/<[^>]*>/g, '').replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&').replace(/\s+/g, '');

/** Cues as [begin, end, text without tags and white space]. */
function read(file) {
  const text = readFileSync(file, 'utf8').replace(/\r\n/g, '\n');
  if (file.endsWith('.txt')) {
    return text.split('\n').filter(Boolean).map((line) => line.match(/^(\d+) (\d+) (.*)$/).slice(1)).map(([b, e, t]) => [Number(b), Number(e), bare(t)]);
  }
  return text.split(/\n\n+/).flatMap((block) => {
    const lines = block.split('\n').filter(Boolean);
    const at = lines.findIndex((line) => line.includes('-->'));
    if (at < 0) return [];
    const [, begin, end] = lines[at].match(/^(\S+) --> (\S+)/);
    return [[millis(begin), millis(end), bare(lines.slice(at + 1).join('\n'))]];
  });
}

/** Cues that were cut where segments end, or came twice, become one; those of the same text and time too. */
function joined(cues) {
  const out = [];
  for (const [begin, end, text] of [...cues].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const before = out.find((one) => one[2] === text && one[1] >= begin - 1 && one[0] <= end);
    if (before) before[1] = Math.max(before[1], end);
    else out.push([begin, end, text]);
  }
  return out;
}

const wanted = sources.map((source) => source.split('=')).map(([language, file]) => ({ language, cues: joined(read(file)) }));
const cases = allCases(base?.replace(/\/$/, ''), {}).filter(({ name, player }) => !options.only.length || options.only.includes(name) || options.only.includes(player));
if (!base || !wanted.length) {
  console.log('node tests/players/captions.mjs [--only PLAYER/FORMAT] [--screenshot DIR] BASE_URL LANGUAGE=FILE...');
  process.exit(2);
}
if (options.screenshot) mkdirSync(options.screenshot, { recursive: true });

/** Everything that the players' text tracks hold, by the time at which it was seen. */
async function shown(page) {
  return page.evaluate(() => {
    const tracks = [...video.textTracks].filter((track) => track.mode === 'showing');
    // dash.js draws TTML itself, from a tree of its own.
    const drawn = (node) => (node?.text ?? '') + (node?.contents ?? []).map(drawn).join('');
    const text = (cue) => cue.text || drawn(cue.isd) || '';
    return tracks.flatMap((track) => [...(track.cues ?? [])].map((cue) => [cue.startTime, cue.endTime, text(cue)]));
  });
}

async function judge(browser, site, test) {
  const page = await browser.newPage({ viewport: { width: 1040, height: 680 } });
  try {
    await page.goto(site.origin);
    await page.evaluate(([player, format, url]) => open(player, format, url), [test.player, test.format, test.url]);
    const driver = (verb, argument) => page.evaluate(([v, a]) => window.driver[v](a), [verb, argument]);
    await page.waitForFunction(() => window.driver && video.currentTime > 0.1, null, { timeout: 30_000 });
    // Where pictures decode before they show, some players begin a transport stream's time with the decoding: the
    // first picture then comes a little after zero, and captions by as much.
    await page.waitForFunction(() => firstPicture !== undefined, null, { timeout: 10_000 });
    const zero = await page.evaluate(() => Math.round(firstPicture * 1000));
    for (const { language, cues } of wanted) {
      const offered = await driver('texts');
      const name = offered.find((one) => canonical(one) === canonical(language));
      if (name === undefined) throw new Error(`${language} is not offered, only ${offered}`);
      await page.evaluate(() => void video.play());
      await driver('showText', name);
      // What the player's tracks hold is collected while the film plays, from its beginning again if need be.
      const seen = new Map();
      const collect = async () => {
        for (const [begin, end, text] of await shown(page)) {
          if (bare(text)) seen.set(`${begin} ${end} ${bare(text)}`, [Math.round(begin * 1000) - zero, Math.round(end * 1000) - zero, bare(text)]);
        }
      };
      const there = () => {
        // Some players make one cue of all that is shown at a time: what counts is when the text is there.
        const met = ([begin, end, text]) => joined([...seen.values()].filter((one) => one[2].includes(text)).map(([b, e]) => [b, e, text]))
          .some(([b, e]) => Math.abs(b - begin) <= 1 && Math.abs(e - end) <= 1);
        return cues.filter((cue) => !met(cue));
      };
      const deadline = Date.now() + 40_000;
      const last = Math.max(...cues.map((cue) => cue[1])) / 1000;
      while (there().length && Date.now() < deadline) {
        await page.waitForTimeout(250);
        await collect();
        await page.evaluate((end) => { if (video.ended || video.currentTime > end) { video.currentTime = 0; return video.play(); } }, last);
      }
      const missing = there();
      if (missing.length) throw new Error(`${language}: not at its time: ${JSON.stringify(missing)}; got ${JSON.stringify(joined(seen.values()))}`);
      // At the middle of the second cue it is on the screen.
      const cue = cues[Math.min(1, cues.length - 1)];
      const middle = (cue[0] + Math.min(cue[1], cue[0] + 1000)) / 2000;
      await page.evaluate((time) => { video.pause(); video.currentTime = time; }, middle);
      await page.waitForTimeout(2000);
      const active = await page.evaluate(() => {
        const drawn = (node) => (node?.text ?? '') + (node?.contents ?? []).map(drawn).join('');
        return [...video.textTracks].filter((t) => t.mode === 'showing').flatMap((t) => [...(t.activeCues ?? [])].map((c) => c.text || drawn(c.isd)));
      });
      if (!active.map(bare).some((text) => text.includes(cue[2]))) throw new Error(`${language} at ${middle}: active are ${JSON.stringify(active)}`);
      if (options.screenshot) await page.screenshot({ path: `${options.screenshot}/${test.name.replace('/', '-')}-${language}.png` });
    }
    return `${wanted.map(({ language, cues }) => `${language} ${cues.length} cues`).join(', ')}, first picture at ${zero} ms`;
  } finally {
    await page.close();
  }
}

const site = await startSite();
const launch = () => chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'] });

async function attempt(test, note) {
  const browser = await launch();
  try {
    console.log(`ok ${test.name} ${await judge(browser, site, test)}${note}`);
    return true;
  } catch (error) {
    console.log(`FAIL ${test.name} ${error.message.split('\n')[0]}${note}`);
    return false;
  } finally {
    await browser.close();
  }
}

// A machine that is busy may hold a short film in its buffer before its captions are chosen, which Shaka Player
// does not take well: what fails is judged once more.
let failed = 0;
for (const test of cases) {
  if (!(await attempt(test, '')) && !(await attempt(test, ', again'))) failed++;
}
site.close();
console.log(`players: ${cases.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
