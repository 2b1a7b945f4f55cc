// A real headless Chromium, for the tests of pages.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { SCRIPTS } from './helpers.mjs';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = [process.env.DUMMYLOAD_CHROMIUM, ...BROWSERS]
  .find((file) => file && fs.existsSync(file));

function playwright() {
  try {
    return createRequire(path.join(SCRIPTS, 'package.json'))('playwright-core');
  } catch {
    return null;
  }
}

const tool = playwright();
export const skip = !executablePath ? 'no Chromium on this machine'
  : !tool ? 'playwright-core is not installed (npm ci --prefix scripts)' : false;

/** Opens an address: { page, said }. said: what the page says on the console, and each request to
 *  another host than the page's. */
export async function openAddress(t, address, options = {}) {
  const browser = await tool.chromium.launch({ executablePath, args: ['--no-sandbox',
    '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'] });
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 }, ...options });
  page.setDefaultTimeout(300000); // of what hangs
  const said = [];
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`error: ${error.stack}`));
  const { protocol, host } = new URL(address);
  page.on('request', (request) => {
    const to = new URL(request.url());
    if (to.protocol !== 'data:' && (to.protocol !== protocol || to.host !== host)) {
      said.push(`request: ${request.url()}`);
    }
  });
  await page.goto(address);
  return { page, said };
}
