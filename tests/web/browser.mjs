// A headless Chromium that can reach this machine and nothing else, and that writes down whatever it tries.

import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const onPath = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const found = ['/usr/bin/chromium', ...onPath].find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found ?? assert.fail('No Chromium here: install it (on Debian `apt-get install chromium`), or name its binary in CHROMIUM');
}

export async function launchBrowser() {
  return chromium.launch({
    executablePath: findChromium(),
    headless: true,
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
}

// GraphiQL names the operation only once it has read the document, so the document is asked.
const operationOf = (request) => request.postDataJSON()?.query?.match(/^(?:query|mutation) (\w+)/m)?.[1] ?? null;

/** Opens a page of its own and records requests to other origins, console messages and GraphQL answers. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const seen = { foreign: [], complaints: [], answers: [], operations: [] };
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && origin !== url) seen.foreign.push(request.url());
    if (new URL(request.url()).pathname === '/graphql') seen.operations.push(operationOf(request));
  });
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) seen.complaints.push(`${message.type()}: ${message.text()}`);
  });
  context.on('weberror', (problem) => seen.complaints.push(`uncaught: ${problem.error().message}`));
  page.on('response', async (response) => {
    const request = response.request();
    if (new URL(response.url()).pathname !== '/graphql') return;
    const operation = operationOf(request);
    const body = await response.json().catch(() => null);
    seen.answers.push({ operation, status: response.status(), body });
  });
  return { context, page, seen };
}
