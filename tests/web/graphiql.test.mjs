// GraphiQL as an explorer meets it: in a browser, with the demo data.

import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { launchBrowser, openPage } from './browser.mjs';
import { startServer } from './server.mjs';

// The people of the demo data, as the page's settings name them: e-mail address and hospital.
const CLINICIAN = 'clinician@riverside.example riverside';
const ADMINISTRATOR = 'admin@riverside.example riverside';
const FLOAT_HERE = 'float@agency.example riverside';
const FLOAT_THERE = 'float@agency.example lakeview';
const REFUSED = 'taskLogs.nodes[].patient.contactPhone';

let server;
let browser;
let pictures;
let tab; // { context, page, seen } of the running test

before(async () => {
  pictures = await mkdtemp(join(tmpdir(), 'patient-logger-pictures-'));
  server = await startServer();
  await graphiqlIsThere();
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

// The server is ready before GraphiQL is: it may still be on its way from the registry.
async function graphiqlIsThere() {
  let answer;
  for (let turn = 0; turn < 240; turn += 1) {
    answer = await fetch(`${server.url}/graphiql`);
    if (answer.ok) return;
    await new Promise((done) => setTimeout(done, 250));
  }
  const [, reason] = (await answer.text()).match(/id="reason">([^<]*)/) ?? [];
  assert.fail(`/graphiql answers ${answer.status}: ${reason}`);
}

const person = (key) => tab.page.locator(`.people button[data-key="${key}"]`);
const strip = () => tab.page.locator('#strip');
const open = async () => {
  await tab.page.goto(`${server.url}/graphiql`);
  await tab.page.locator('.graphiql-execute-button').waitFor();
  await tab.page.locator('.graphiql-query-editor .view-line').first().waitFor();
  await tab.page.waitForTimeout(500);
};

/** Does `act` and gives the next answer to an operation of this name. */
async function answerTo(operation, act) {
  const { answers } = tab.seen;
  const from = answers.length;
  await act();
  for (let turn = 0; turn < 150; turn += 1) {
    const answer = answers.slice(from).find((each) => each.operation === operation);
    if (answer) return answer;
    await tab.page.waitForTimeout(100);
  }
  return assert.fail(`no answer to ${operation} within 15 s; seen: ${JSON.stringify(answers.slice(from).map((each) => each.operation))}`);
}

/** The text that the result pane shows now. Monaco draws spaces as U+00A0. */
const shown = async () => (await tab.page.locator('.result-window .view-lines').innerText()).replaceAll('\u00a0', ' ');

async function picture(t, name) {
  const path = join(pictures, `${name}.png`);
  await tab.page.screenshot({ path });
  t.diagnostic(`picture: ${path}`);
}

describe('GraphiQL', () => {
  beforeEach(async () => {
    tab = await openPage(browser, server.url);
    await open();
  });
  // Whatever a test did: nothing was loaded from elsewhere, and the page never complained.
  afterEach(async () => {
    const { context, seen } = tab;
    await context.close();
    assert.deepEqual(seen.foreign, [], 'requests to other hosts');
    assert.deepEqual(seen.complaints, [], 'errors and warnings in the console, content security policy included');
  });

  test('opens with tabs that show the API off, and a policy without inline scripts', async (t) => {
    const policy = (await fetch(`${server.url}/graphiql`)).headers.get('content-security-policy') ?? '';
    const directives = new Map(policy.split(';').map((part) => part.trim().split(/\s+/)).map(([name, ...sources]) => [name, sources.join(' ')]));
    assert.equal(directives.get('default-src'), "'none'");
    assert.equal(directives.get('script-src'), "'self'");
    assert.equal(directives.get('frame-ancestors'), "'none'");

    const people = await tab.page.getByRole('group').getByRole('button').allInnerTexts();
    assert.equal(people.length, 7, `one click for each of the demo people: ${people}`);
    const tabs = await tab.page.locator('.graphiql-tab-button').allInnerTexts();
    assert.ok(tabs.length >= 5, `tabs: ${tabs}`);
    assert.equal(new Set(tabs).size, tabs.length);
    await tab.page.waitForTimeout(2000); // time for the workers to start, and to complain
    await picture(t, 'opened');
  });

  test('one click signs a clinician in and shows data, the refused field as null and in the strip', async (t) => {
    const { status, body } = await answerTo('StartHere', () => person(CLINICIAN).click());
    assert.equal(status, 200);
    assert.equal(body.data.viewer.role, 'CLINICIAN');
    assert.ok(body.data.taskLogs.nodes.length > 0, 'the demo data has task logs');
    for (const node of body.data.taskLogs.nodes) assert.equal(node.patient.contactPhone, null);
    assert.ok(body.errors.length > 0);
    for (const error of body.errors) {
      assert.equal(error.extensions.code, 'FORBIDDEN');
      assert.equal(error.extensions.needs, 'READ_PATIENT_CONTACT');
      assert.equal(error.path.at(-1), 'contactPhone');
    }

    await strip().locator('.refused li').first().waitFor();
    assert.equal(await strip().getAttribute('data-state'), 'refused');
    assert.equal(await strip().locator('.path').innerText(), REFUSED);
    assert.equal(await strip().locator('.needs').innerText(), 'READ_PATIENT_CONTACT');
    await tab.page.waitForTimeout(1000); // the result pane draws late
    assert.match(await shown(), /"contactPhone": null/);
    assert.equal(await tab.page.locator('#who-name').innerText(), body.data.viewer.name);
    assert.equal(await tab.page.locator('#who-hospital').innerText(), body.data.viewer.hospital.name);
    assert.match(await tab.page.locator('#who-until').innerText(), /ends in \d+ (min|s)/);
    assert.equal(await person(CLINICIAN).getAttribute('aria-pressed'), 'true');
    await picture(t, 'clinician');
  });

  test('one click uses the key of a partner, whose answer has no identity of a patient', async () => {
    const { body } = await answerTo('StartHere', () => tab.page.getByRole('button', { name: 'Partner at Riverside' }).click());
    assert.equal(body.data.viewer.role, 'PARTNER');
    for (const node of body.data.taskLogs.nodes) assert.equal(node.patient.firstName, null);
    const needs = new Set(body.errors.map((error) => error.extensions.needs));
    assert.ok(needs.has('READ_PATIENT_IDENTITY'), [...needs].join());
    assert.match(await tab.page.locator('#who-until').innerText(), /ends in \d+ days/);
  });

  test('the administrator of the same hospital gets the value by the same operation', async (t) => {
    await answerTo('StartHere', () => person(CLINICIAN).click());
    const { body } = await answerTo('StartHere', () => person(ADMINISTRATOR).click());
    assert.equal(body.errors, undefined);
    assert.ok(body.data.taskLogs.nodes.some((node) => node.patient.contactPhone), 'some patient has a telephone number');
    await tab.page.locator('#strip[data-state="clear"]').waitFor();
    assert.equal(await strip().locator('.refused li').count(), 0);
    await tab.page.waitForTimeout(1000);
    assert.match(await shown(), /"contactPhone": "/);
    await picture(t, 'administrator');
  });

  for (const who of [CLINICIAN, ADMINISTRATOR, FLOAT_THERE]) {
    test(`every tab runs: ${who}`, async () => {
      await answerTo('StartHere', () => person(who).click());
      for (const name of await tab.page.locator('.graphiql-tab-button').allInnerTexts()) {
        await tab.page.locator(`.graphiql-tab-button[title="${name}"]`).click();
        await tab.page.locator('.graphiql-tab-active', { hasText: name }).waitFor();
        const { status, body } = await answerTo(name, () => tab.page.locator('.graphiql-execute-button').click());
        assert.equal(status, 200, name);
        for (const error of body.errors ?? []) assert.equal(error.extensions?.code, 'FORBIDDEN', `${name}: ${error.message}`);
        if (name === 'PatientHistory') assert.ok(body.data.patient.taskLogs.totalCount > 0);
        if (name === 'RecordTaskLog' && who !== ADMINISTRATOR) {
          assert.deepEqual(body.data.createTaskLog.userErrors, []);
          assert.ok(body.data.createTaskLog.taskLog.id);
        }
      }
    });
  }

  test('two hospitals never share an answer', async () => {
    const names = [];
    for (const who of [FLOAT_HERE, FLOAT_THERE]) {
      const { body } = await answerTo('StartHere', () => person(who).click());
      names.push(body.data.viewer.hospital.name);
    }
    assert.notEqual(names[0], names[1]);
  });

  test('a mutation is never run by changing the person', async () => {
    await answerTo('StartHere', () => person(CLINICIAN).click());
    await tab.page.locator('.graphiql-tab-button[title="RecordTaskLog"]').click();
    await tab.page.locator('.graphiql-tab-active', { hasText: 'RecordTaskLog' }).waitFor();
    await answerTo('SignIn', () => person(FLOAT_HERE).click());
    await tab.page.waitForTimeout(1500);
    assert.ok(!tab.seen.operations.includes('RecordTaskLog'), tab.seen.operations.join());
  });

  test('a session survives a reload, and is renewed without a word when its token has ended', async () => {
    await answerTo('StartHere', () => person(CLINICIAN).click());
    await tab.page.evaluate(() => {
      const [key] = Object.keys(sessionStorage).filter((name) => name.includes('demo-session'));
      sessionStorage.setItem(key, JSON.stringify({ ...JSON.parse(sessionStorage.getItem(key)), token: 'ended', expiresAt: '2020-01-01T00:00:00Z' }));
    });
    const tabs = await tab.page.locator('.graphiql-tab-button').allInnerTexts();
    await open();
    assert.deepEqual(await tab.page.locator('.graphiql-tab-button').allInnerTexts(), tabs);
    assert.equal(await person(CLINICIAN).getAttribute('aria-pressed'), 'true');
    const { body } = await answerTo('StartHere', () => tab.page.locator('.graphiql-execute-button').click());
    assert.equal(body.data.viewer.role, 'CLINICIAN');
    assert.match(await tab.page.locator('#who-until').innerText(), /ends in/);
  });

  test('signing out leaves neither the token nor an answer', async () => {
    await answerTo('StartHere', () => person(CLINICIAN).click());
    await Promise.all([tab.page.waitForEvent('load'), tab.page.locator('#sign-out').click()]);
    await tab.page.locator('.graphiql-query-editor .view-line').first().waitFor();
    assert.ok(await tab.page.locator('#who').isHidden());
    assert.equal((await shown()).trim(), '');
    assert.deepEqual(await tab.page.evaluate(() => Object.keys(sessionStorage).filter((name) => !name.startsWith('graphiql:'))), []);
    assert.deepEqual(await tab.page.evaluate(() => Object.keys(localStorage)), []);

    const { body } = await answerTo('StartHere', () => tab.page.locator('.graphiql-execute-button').click());
    assert.equal(body.data?.taskLogs ?? null, null);
    await tab.page.locator('#strip[data-state="refused"]').waitFor();
  });

  test('somebody else signs in by the form, chooses a hospital, and a wrong password is told in words', async () => {
    const settings = JSON.parse(await tab.page.locator('#settings').textContent());
    const [email] = FLOAT_HERE.split(' ');
    await tab.page.locator('#other summary').click();
    await tab.page.getByLabel('E-mail').fill(email);
    await tab.page.getByLabel('Password').fill('not the password');
    await tab.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await tab.page.locator('#problem:not([hidden])').waitFor();
    assert.ok((await tab.page.locator('#problem').innerText()).length > 10);

    await tab.page.getByLabel('Password').fill(settings.demo.password);
    await tab.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    const choices = tab.page.locator('#choices button');
    await choices.first().waitFor();
    assert.equal(await choices.count(), 2);
    const { body } = await answerTo('StartHere', () => choices.last().click());
    assert.equal(body.data.viewer.role, 'CLINICIAN');
    assert.ok(await tab.page.locator('#problem').isHidden());
    assert.deepEqual(await tab.page.evaluate(() => Object.keys(sessionStorage).filter((name) => name.includes('session'))), [], 'a real session is kept in memory alone');
  });
});

describe('GraphiQL in the dark', () => {
  test('follows the colours of the system', async (t) => {
    tab = await openPage(browser, server.url, { colorScheme: 'dark' });
    await open();
    await answerTo('StartHere', () => person(FLOAT_THERE).click());
    const [red] = (await tab.page.evaluate(() => getComputedStyle(document.body).backgroundColor)).match(/\d+/);
    assert.ok(Number(red) < 60, `the ground is dark: ${red}`);
    await tab.page.waitForTimeout(1000);
    await picture(t, 'dark');
    await tab.context.close();
  });
});

// As with a database of one's own: the schema is for staff, and the page has to open without it.
describe('GraphiQL where only staff may see the schema', () => {
  let closed;
  before(async () => {
    closed = await startServer({ INTROSPECTION: 'staff' });
    for (let turn = 0; turn < 240 && !(await fetch(`${closed.url}/graphiql`)).ok; turn += 1) await new Promise((done) => setTimeout(done, 250));
  });
  after(() => closed?.stop());

  test('opens, and knows the schema as soon as somebody has signed in', async (t) => {
    tab = await openPage(browser, closed.url);
    await tab.page.goto(`${closed.url}/graphiql`);
    await tab.page.locator('.graphiql-execute-button').waitFor();
    await tab.page.locator('.graphiql-query-editor .view-line').first().waitFor();
    await tab.page.waitForTimeout(1500);
    await picture(t, 'staff-only-before');
    assert.doesNotMatch(await tab.page.locator('body').innerText(), /Error|Invalid|undefined/);
    await answerTo('StartHere', () => person(CLINICIAN).click());
    const schema = () => tab.seen.answers.some(({ body }) => body?.data?.__schema?.types.length > 20);
    for (let turn = 0; turn < 100 && !schema(); turn += 1) await tab.page.waitForTimeout(100);
    assert.ok(schema(), 'the schema was asked for again');
    assert.match(await shown(), /"viewer"/);
    await picture(t, 'staff-only-after');
    const { foreign, complaints } = tab.seen;
    await tab.context.close();
    assert.deepEqual([foreign, complaints], [[], []]);
  });
});
