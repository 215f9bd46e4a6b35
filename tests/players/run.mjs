// Real players in headless Chromium judge a running origin. README.md says what is judged.
import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { allCases } from './cases.mjs';
import { extraCases } from './extras.mjs';
import { films, published } from './films.mjs';
import { judge } from './judge.mjs';
import { startSite } from './site.mjs';

const usage = `node tests/players/run.mjs [OPTIONS] BASE_URL
  BASE_URL          http://HOST/{locator}/demo.ism, the manifests' common start of the demo film,
                    or http://HOST with every film of films.mjs published on it
  --only NAME       only this case, film, player or player/format; may be repeated
  --url NAME=URL    another manifest for one case; may be repeated
  --duration S      length of the demo film, default 40
  --heights A,B     heights of its qualities, default 234,360,540,720
  --languages A,B   languages of its sound, default eng,spa; '' for none
  --extras          besides, winding and thumbnails of the demo film
  --jobs N          players at the same time, default 2
  --screenshot DIR  a picture of each player at 50 %
  --list            names the cases and their URLs
  --locators        a line for each film to publish: locator and folder of fixtures/films`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    url: { type: 'string', multiple: true, default: [] },
    duration: { type: 'string' },
    heights: { type: 'string' },
    languages: { type: 'string' },
    extras: { type: 'boolean' },
    jobs: { type: 'string', default: '2' },
    screenshot: { type: 'string' },
    list: { type: 'boolean' },
    locators: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

const overrides = Object.fromEntries(options.url.map((one) => one.split(/=(.*)/s).slice(0, 2)));
const wanted = ({ name, film, player, format }) =>
  !options.only.length || options.only.some((one) => [name, film.name, player, `${player}/${format}`].includes(one));
const [demo] = films;
const matrix = allCases(positionals[0]?.replace(/\/$/, ''), overrides);
const extras = options.extras ? extraCases(demo, matrix) : [];
const cases = [...matrix, ...extras].filter(wanted);
if (options.duration) demo.duration = Number(options.duration);
if (options.heights) demo.heights = options.heights.split(',').map(Number);
if (options.languages !== undefined) demo.languages = options.languages.split(',').filter(Boolean);

if (options.locators) {
  for (const { folder, locator } of films.map(published)) if (folder) console.log(`${locator} ${folder}`);
  process.exit();
}
if (options.list) {
  for (const { name, url } of cases) console.log(url ? `${name} ${url}` : name);
  process.exit();
}
if (options.help || !cases.length || cases.some(({ url }) => !url)) {
  console.log(usage);
  process.exit(options.help ? 0 : 2);
}
if (options.screenshot) mkdirSync(options.screenshot, { recursive: true });

const site = await startSite();
const launch = () => chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--autoplay-policy=no-user-gesture-required',
  ],
});

let browser = await launch();
let passed = 0;
const waiting = [...cases];
const again = [];

/** Judges one case and says what came of it. */
async function attempt(test, note) {
  const start = Date.now();
  const seconds = () => `(${((Date.now() - start) / 1000).toFixed(1)} s)`;
  try {
    const details = await judge(browser, site, test, options.screenshot);
    console.log(`ok ${test.name} ${details}${note} ${seconds()}`);
    passed++;
    return true;
  } catch (error) {
    console.log(`FAIL ${test.name} ${error.message.split('\n')[0]}${note} ${seconds()}`);
    return false;
  }
}

async function worker() {
  for (let test = waiting.shift(); test; test = waiting.shift()) {
    if (!(await attempt(test, ''))) again.push(test);
  }
}

await Promise.all(Array.from({ length: Number(options.jobs) }, worker));
// Browsers remember that pictures came late and then hide large qualities. What failed beside other cases
// is judged once more alone, in a fresh one.
let failed = 0;
for (const test of again) {
  await browser.close();
  browser = await launch();
  if (!(await attempt(test, ', alone'))) failed++;
}
await browser.close();
site.close();
console.log(`players: ${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
