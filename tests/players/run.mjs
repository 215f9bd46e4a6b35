// Real players in headless Chromium judge a running origin. README.md says what is judged.
import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { judgeAll } from './browser.mjs';
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
const failed = await judgeAll(cases, Number(options.jobs), (browser, test) => judge(browser, site, test, options.screenshot));
site.close();
process.exit(failed ? 1 : 0);
