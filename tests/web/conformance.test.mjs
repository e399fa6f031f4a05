// GraphQL over HTTP, by the audits of the specification's reference implementation.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serverAudits } from 'graphql-http';
import { startServer } from './server.mjs';

// "MAY NOT allow executing mutations on GET requests": optional in the specification, a promise of this API.
const PROMISED = new Set(['9C48']);

let server;
const audits = serverAudits({ url: () => `${server.url}/graphql` });
const left = [];

before(async () => { server = await startServer(); });
after(async () => { await server?.stop(); });

describe('GraphQL over HTTP', () => {
  test('the suite has its audits', () => {
    assert.ok(audits.length >= 60, `${audits.length} audits`);
    for (const id of PROMISED) assert.ok(audits.some((audit) => audit.id === id), `audit ${id} is gone: find its new id`);
  });

  for (const audit of audits) {
    const required = /^(MUST|SHOULD) /.test(audit.name) || PROMISED.has(audit.id);
    test(`${audit.id} ${audit.name}`, async (t) => {
      const result = await audit.fn();
      if (result.status === 'ok') return;
      if (required) assert.fail(`${result.status}: ${result.reason}`);
      left.push(`${audit.id} ${audit.name}: ${result.reason}`);
      t.diagnostic(`optional, not done: ${result.reason}`);
    });
  }

  test('what is optional and not done is listed', (t) => {
    t.diagnostic(left.length === 0 ? 'every optional audit passes too' : `optional and not done:\n  ${left.join('\n  ')}`);
  });
});
