// A person at a browser: opens what `punctual login` printed, logs in, agrees (or not), and ends on punctual's own page.
// `prove.py` beside this file starts it.
//
//     browser.mjs URL agree|refuse PICTURES       writes pictures of the pages; prints the text of the last page

import { chromium } from 'playwright-core';

const [url, answer, pictures] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  // A test machine has no other user, no screen, and no way to the servers that chromium looks for by itself.
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
try {
  const page = await browser.newPage({ viewport: { width: 900, height: 600 } });
  const picture = (name) => page.screenshot({ path: `${pictures}/login-${answer}-${name}.png` });
  await page.goto(url);
  await page.fill('input[name=login]', 'someone');
  await page.fill('input[name=password]', 'anything');
  await picture('1-server');
  await page.click('button[type=submit]');
  const agree = page.getByRole('button', { name: 'Continue' });
  await agree.waitFor();
  await picture('2-consent');
  // Scripts of the last page, if it had any, would run now.
  const back = page.waitForURL((where) => where.searchParams.has('code') || where.searchParams.has('error'));
  await (answer === 'agree' ? agree : page.getByRole('link', { name: 'Cancel' })).click();
  await back;
  await picture('3-punctual');
  console.log(await page.textContent('body'));
  console.error(`chromium ${browser.version()}`);
} finally {
  await browser.close();
}
