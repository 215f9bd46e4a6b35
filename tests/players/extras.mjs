// What only some players can do: winding by key frames, and thumbnails.

const stepTimeout = 20_000;

const plays = {
  winding: { shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-aapl', 'm3u8-cmaf'] },
  thumbnails: { shaka: ['mpd-time-csf', 'mpd-time-cmaf', 'm3u8-aapl', 'm3u8-cmaf'], dashjs: ['mpd-time-csf', 'mpd-time-cmaf'] },
  // The index in WebVTT, beside any manifest.
  index: { shaka: ['mpd-time-cmaf'] },
};

const paces = { winding, thumbnails, index };

/** Every extra case of the demo film as { name, film, player, format, paces, url }, with the URLs of `matrix`. */
export function extraCases(film, matrix) {
  const find = (format) => matrix.find((one) => one.film === film && one.format === format)?.url;
  return Object.entries(plays).flatMap(([what, players]) =>
    Object.entries(players).flatMap(([player, formats]) =>
      formats.map((format) => ({ name: `${player}/${format}/${what}`, film, player, format, paces: what, url: find(format) })),
    ),
  );
}

/** Puts a page through what `test` asks for; returns { details } or throws an Error that says what went wrong. */
export async function judgeExtra(page, test, problems, screenshots) {
  const asked = [];
  page.on('request', (request) => asked.push(decodeURIComponent(new URL(request.url()).pathname)));
  const tools = {
    page,
    asked,
    test,
    screenshots,
    driver: (verb, argument) => page.evaluate(([v, a]) => window.driver[v](a), [verb, argument]),
    async until(step, met) {
      const deadline = Date.now() + stepTimeout;
      for (;;) {
        const now = await page.evaluate(() => state());
        const wrong = [...now.problems, ...problems];
        if (wrong.length) throw new Error(`${step}: ${wrong.join('; ')}`);
        if (met(now)) return now;
        if (Date.now() > deadline) throw new Error(`${step}: not within ${stepTimeout / 1000} s; at ${now.time.toFixed(2)} s, ${now.frames} frames`);
        await page.waitForTimeout(50);
      }
    },
  };
  await page.evaluate(([player, format, url]) => open(player, format, url), [test.player, test.format, test.url]);
  await tools.until('start', (now) => now.time > 0.2 && now.frames > 0);
  return paces[test.paces](tools);
}

/** Eight times as fast by key frames alone, and on in time. */
async function winding({ asked, driver, until }) {
  const keyFrames = () => asked.filter((path) => path.includes('/KeyFrames(')).length;
  if (keyFrames()) throw new Error('key frames are asked for before anybody winds');
  const before = await until('start', () => true);
  const begun = Date.now();
  await driver('wind', 8);
  const after = await until('winding', (now) => now.time > before.time + 16 && now.frames > before.frames);
  const seconds = (Date.now() - begun) / 1000;
  if (!keyFrames()) throw new Error('winding: no key frames were asked for');
  await driver('unwind');
  const from = (await until('in time', () => true)).time;
  const on = await until('in time', (now) => now.time > from + 1 && now.frames > after.frames + 8);
  if (on.time > from + 6) throw new Error(`in time: ${on.time - from} s went by`);
  return `${(after.time - before.time).toFixed(1)} s in ${seconds.toFixed(1)} s, ${keyFrames()} key-frame segments`;
}

async function thumbnails(tools) {
  const tracks = await tools.driver('images');
  if (tracks !== 1) throw new Error(`${tracks} tracks of thumbnails`);
  return compared(tools);
}

async function index(tools) {
  const folder = tools.test.url.replace(/\/[^/]*$/, '');
  await tools.driver('index', `${folder}/thumbnails.vtt`);
  return compared(tools);
}

/** Each thumbnail shows what the film shows at the first key frame of its time. */
async function compared({ page, driver, test, screenshots, until }) {
  await page.evaluate(() => video.pause());
  const { duration } = await until('start', () => true);
  let worst = 0;
  let count = 0;
  for (let time = 0.5; time < duration; time += 7) {
    const thumbnail = await driver('thumbnail', time);
    if (!thumbnail) throw new Error(`no thumbnail at ${time} s`);
    const { start, url, width, height } = thumbnail;
    if (start !== undefined && !(start <= time + 0.01)) throw new Error(`the thumbnail at ${time} s begins at ${start} s`);
    if (!/\.jpg(#.*)?$/.test(url) || width !== 160 || height !== 90) throw new Error(`at ${time} s: ${JSON.stringify(thumbnail)}`);
    // The demo film has a key frame every two seconds, its thumbnails last five.
    const shown = Math.ceil(Math.floor(time / 5) * 5 / 2) * 2;
    await page.evaluate((at) => (video.currentTime = at + 0.01), shown);
    await until(`seek to ${shown} s`, (now) => !now.seeking && Math.abs(now.time - shown) < 0.1);
    const difference = await page.evaluate((cell) => difference_of(cell), thumbnail);
    if (!(difference < 12)) throw new Error(`at ${time} s the thumbnail differs from the film by ${difference.toFixed(1)}`);
    worst = Math.max(worst, difference);
    count++;
    if (screenshots && count === 4) await page.screenshot({ path: `${screenshots}/${test.name.replaceAll('/', '-')}.png` });
  }
  return `${count} thumbnails, no further than ${worst.toFixed(1)} of 255 from the film`;
}
