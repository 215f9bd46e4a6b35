// The browser, and what all judges do with it: cases side by side, and once more alone what failed beside others.
import { chromium } from 'playwright-core';

export const launch = () => chromium.launch({
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

/**
 * Judges `cases`, `jobs` at a time: `judge(browser, test)` returns a line of details or throws. Says what came of
 * each, in the end of all, and returns how many failed.
 */
export async function judgeAll(cases, jobs, judge) {
  let browser = await launch();
  let passed = 0;
  const waiting = [...cases];
  const again = [];

  async function attempt(test, note) {
    const start = Date.now();
    const seconds = () => `(${((Date.now() - start) / 1000).toFixed(1)} s)`;
    try {
      const details = await judge(browser, test);
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

  await Promise.all(Array.from({ length: jobs }, worker));
  // Browsers remember that pictures came late and then hide large qualities. What failed beside other cases
  // is judged once more alone, in a fresh one.
  let failed = 0;
  for (const test of again) {
    await browser.close();
    browser = await launch();
    if (!(await attempt(test, ', alone'))) failed++;
  }
  await browser.close();
  console.log(`players: ${passed} passed, ${failed} failed`);
  return failed;
}
