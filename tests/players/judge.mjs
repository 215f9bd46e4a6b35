// Judges one case: a page with one player on one manifest, put through its paces.

import { judgeExtra } from './extras.mjs';

const stepTimeout = 20_000;
const durationTolerance = 0.5;

/** Compares languages whichever way they are written: eng = en, spa = es. */
const canonical = (language) => (language ? Intl.getCanonicalLocales(language)[0] : 'und');

/**
 * Plays `test` and returns a line of details or throws an Error that says what went wrong. What is expected
 * is in `test.film`: duration, heights and languages, and `more`, a function of its own further paces. It is
 * given { page, test, driver, until, playsOn } and returns a few words for the line of details:
 * `driver(verb, argument)` asks the player, `until(step, met)` waits for a state, `playsOn(step)` for decoding.
 */
export async function judge(browser, site, test, screenshots) {
  const context = await browser.newContext({ viewport: { width: 1040, height: 680 }, ignoreHTTPSErrors: true });
  try {
    const page = await context.newPage();
    const problems = watch(page);
    await page.goto(site.origin);
    const verdict = await (test.paces ? judgeExtra : paces)(page, test, problems, screenshots);
    if (problems.length) throw new Error(problems.join('; '));
    return verdict;
  } finally {
    await context.close();
  }
}

/** Collects what the browser itself complains about. */
function watch(page) {
  const problems = [];
  const note = (problem) => problems.includes(problem) || problems.push(problem);
  page.on('console', (message) => message.type() === 'error' && note(`console: ${message.text()}`));
  page.on('pageerror', (error) => note(`page: ${error.message}`));
  page.on('response', (response) => response.status() >= 400 && note(`${response.status()} ${response.url()}`));
  return problems;
}

async function paces(page, test, problems, screenshots) {
  const expected = test.film;
  const read = () => page.evaluate(() => state());
  const driver = (verb, argument) => page.evaluate(([v, a]) => window.driver[v](a), [verb, argument]);

  // Waits until `met(state)`; gives up at once when anything has gone wrong.
  async function until(step, met) {
    const deadline = Date.now() + stepTimeout;
    for (;;) {
      const now = await read();
      const wrong = [...now.problems, ...problems];
      if (wrong.length) throw new Error(`${step}: ${wrong.join('; ')}`);
      if (met(now)) return now;
      if (Date.now() > deadline) {
        throw new Error(`${step}: not within ${stepTimeout / 1000} s; at ${now.time.toFixed(2)} s, ${now.height}p, ${now.frames} frames, ${now.audioBytes} audio bytes`);
      }
      await page.waitForTimeout(100);
    }
  }

  // Picture and sound are decoded and the clock runs on from where it is now.
  async function playsOn(step) {
    const before = await read();
    return until(step, (now) =>
      now.time >= before.time + 0.5 && now.frames >= before.frames + 8 &&
      (!expected.languages.length || now.audioBytes > before.audioBytes));
  }

  await page.evaluate(([player, format, url]) => open(player, format, url), [test.player, test.format, test.url]);
  await until('start', (now) => now.time > 0.2 && now.frames > 0);
  const { duration } = await playsOn('start');
  if (!(Math.abs(duration - expected.duration) <= durationTolerance)) {
    throw new Error(`duration: ${duration} s instead of ${expected.duration} s`);
  }

  const sorted = (numbers) => [...new Set(numbers)].filter(Boolean).sort((a, b) => a - b).join(',');
  const heights = sorted(await driver('qualities'));
  if (heights !== sorted(expected.heights)) throw new Error(`qualities: ${heights} instead of ${sorted(expected.heights)}`);
  for (const height of expected.heights) {
    // A short film would be over before all its qualities were seen.
    if (duration < 20) await page.evaluate(() => (video.currentTime = 0.1));
    await driver('force', height);
    await until(`quality ${height}`, (now) => now.height === height);
    await playsOn(`quality ${height}`);
  }

  for (const percent of [10, 50, 90]) {
    const target = (duration * percent) / 100;
    await page.evaluate((time) => (video.currentTime = time), target);
    await until(`seek ${percent} %`, (now) => now.time >= target - 0.1 && now.time < target + 2);
    await playsOn(`seek ${percent} %`);
    if (percent === 50 && screenshots) {
      await page.screenshot({ path: `${screenshots}/${test.name.replaceAll('/', '-')}.png` });
    }
  }

  let chosen = 0;
  if (test.everyLanguage && expected.languages.length > 1) {
    await page.evaluate((time) => (video.currentTime = time), duration * 0.3);
    const offered = await driver('languages');
    for (const language of [...expected.languages].reverse()) {
      const wanted = offered.find((one) => canonical(one) === canonical(language));
      if (wanted === undefined) throw new Error(`language ${language}: only ${offered} offered`);
      // A short film would be over before all its languages were heard.
      if (duration < 20) await page.evaluate((time) => (video.currentTime = time), duration * 0.3);
      await driver('choose', wanted);
      const deadline = Date.now() + stepTimeout;
      while (canonical(await driver('chosen')) !== canonical(language)) {
        if (Date.now() > deadline) throw new Error(`language ${language}: never chosen`);
        await page.waitForTimeout(100);
      }
      await playsOn(`language ${language}`);
      chosen++;
    }
  }

  const more = await expected.more?.({ page, test, driver, until, playsOn });

  await page.evaluate((time) => (video.currentTime = time), duration - 1.5);
  const end = await until('end', (now) => now.ended);
  return `${duration.toFixed(2)} s, ${heights}${chosen ? `, ${expected.languages}` : ''}${more ? `, ${more}` : ''}, ${end.frames} frames`;
}
