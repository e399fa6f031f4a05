// Two typed clients, as a frontend team would set them up: they compile against schema.graphql, what is wrong does not, and
// what they compiled runs against the server.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { print } from 'graphql';
import { startServer } from '../web/server.mjs';
import { assertShape, schema } from './shape.mjs';

const here = import.meta.dirname;
const CLINICIAN = { email: 'clinician@riverside.example', password: 'demo-only-password' };

/** Runs a program of node_modules, or a script, and returns how it ended and what it said. */
function run(folder, program, ...args) {
  const command = program.endsWith('.mjs') ? [process.execPath, program] : [join(here, 'node_modules/.bin', program)];
  const { status, stdout, stderr, error } = spawnSync(command[0], [...command.slice(1), ...args], {
    cwd: join(here, folder), encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' },
  });
  assert.ifError(error);
  return { status, output: `${stdout}${stderr}` };
}

function passes(...command) {
  const { status, output } = run(...command);
  assert.equal(status, 0, output);
}

function fails(expected, ...command) {
  const { status, output } = run(...command);
  assert.notEqual(status, 0, `it must fail: ${command.join(' ')}`);
  assert.match(output, expected);
}

/** Compiles `types.wrong.ts` of a folder, and fails unless it has exactly the errors that its comments name. */
async function assertNamedErrors(folder) {
  const lines = (await readFile(join(here, folder, 'types.wrong.ts'), 'utf8')).split('\n');
  const named = lines.flatMap((line, index) => {
    const text = line.match(/\/\/ (error TS.*)$/)?.[1];
    return text ? [{ line: index + 1, text }] : [];
  });
  assert.ok(named.length > 0);
  const { output } = run(folder, 'tsc', '--pretty', 'false');
  const found = [...output.matchAll(/^([^(\s]+)\((\d+),\d+\): (error .*)$/gm)];
  const told = found.map(([, file, line, text], index) => {
    const wanted = named[index]?.text;
    return { line: Number(line), text: file === 'types.wrong.ts' && wanted && text.startsWith(wanted) ? wanted : `${file}: ${text}` };
  });
  assert.deepEqual(told, named);
}

before(async () => {
  for (const made of ['build', 'codegen/src/gql', 'relay/src/__generated__']) await rm(join(here, made), { recursive: true, force: true });
});

test('the schema defines @semanticNonNull as its specification does', () => {
  const { astNode } = schema.getDirective('semanticNonNull');
  assert.equal(print({ ...astNode, description: undefined }), 'directive @semanticNonNull(levels: [Int] = [0]) on FIELD_DEFINITION');
});

describe('graphql-codegen', () => {
  test('compiles', () => {
    passes('.', 'graphql-codegen', '--config', 'codegen/codegen.ts');
    passes('codegen', 'tsc');
  });

  test('a wrong field in an operation does not compile', () => {
    fails(/Cannot query field "firstNames" on type "Patient"/, '.', 'graphql-codegen', '--config', 'codegen/wrong/codegen.ts');
  });

  test('a wrong use of the types does not compile, and @semanticNonNull is non-null', async () => {
    await assertNamedErrors('codegen/wrong');
  });
});

describe('Relay', () => {
  test('compiles', () => {
    passes('relay', 'relay-compiler');
    passes('relay', 'tsc');
    passes('relay', 'build.mjs');
  });

  test('a wrong field in an operation does not compile', () => {
    fails(/The type `Patient` has no field `firstNames`/, 'relay/wrong', 'relay-compiler');
  });

  test('a wrong use of the types does not compile, and @semanticNonNull is non-null', async () => {
    await assertNamedErrors('relay/wrong');
  });
});

describe('against the server', () => {
  let server;
  let url;
  const asked = [];
  const { fetch } = globalThis;

  before(async () => {
    server = await startServer();
    url = `${server.url}/graphql`;
    globalThis.fetch = async (target, init) => {
      const answer = await fetch(target, init);
      asked.push([JSON.parse(init.body), await answer.clone().json()]);
      return answer;
    };
  });
  after(async () => {
    globalThis.fetch = fetch;
    await server?.stop();
  });

  for (const client of ['codegen', 'relay']) {
    describe(client, () => {
      let app;
      let session;

      before(async () => { app = await import(`./build/${client}/app.js`); });

      test('signs in; a wrong password is data', async () => {
        const wrong = await app.signIn(url, { ...CLINICIAN, password: 'not-the-password' });
        assert.deepEqual([wrong.session, wrong.userErrors.map(({ code }) => code)], [null, ['INVALID_CREDENTIALS']]);

        const right = await app.signIn(url, CLINICIAN);
        assert.deepEqual(right.userErrors, []);
        session = right.session;
      });

      test('reads the newest task logs by pages, with patient and clinician', async () => {
        const rows = await app.taskLogs(session, 3, 2);
        assert.equal(new Set(rows.map(({ id }) => id)).size, 6);
        assert.deepEqual(rows, rows.toSorted((one, other) => Date.parse(other.completedAt) - Date.parse(one.completedAt)));
        for (const { patient, clinician } of rows) assert.match(`${patient.name}, ${patient.mrn}, ${clinician}`, /^\S+ .+, [A-Z]+-\d+, \S/);
        assert.deepEqual(rows.slice(0, 3), await app.taskLogs(session, 3, 1));
      });

      test('finds a patient by MRN and again by id; the refused telephone number says what it needs', async () => {
        const [{ patient: { mrn, name } }] = await app.taskLogs(session, 1, 1);
        const patient = await app.patientByMrn(session, mrn);
        assert.deepEqual([patient.name, patient.phone], [name, { needs: 'READ_PATIENT_CONTACT' }]);
        assert.equal((await app.patientById(session, patient.id)).mrn, mrn);
        assert.equal(await app.patientByMrn(session, 'nobody'), null);
      });

      test('a refused field that is non-null in the types throws', async () => {
        await assert.rejects(app.addresses(session, 2), client === 'codegen' ? refusal : /Relay: Unexpected response payload/);
      });

      test('records a task log; what is wrong with the input is data', async () => {
        const [{ patient: { mrn } }] = await app.taskLogs(session, 1, 1);
        const { id: patientId } = await app.patientByMrn(session, mrn);

        const blank = await app.recordTaskLog(session, { patientId, taskType: 'VITALS', description: ' ' });
        assert.equal(blank.taskLog, null);
        assert.deepEqual(blank.userErrors.map(({ code, field }) => ({ code, field })), [{ code: 'BLANK', field: ['description'] }]);

        const { taskLog, userErrors } = await app.recordTaskLog(session, { patientId, taskType: 'VITALS', description: 'Pulse 64' });
        assert.deepEqual([userErrors, taskLog.version], [[], 1]);
        const [newest] = await app.taskLogs(session, 1, 1);
        assert.deepEqual([newest.id, newest.clinician], [taskLog.id, taskLog.clinician]);
      });
    });
  }

  test('each answer was what the schema declares', () => {
    assert.ok(asked.length > 20, `${asked.length} answers`);
    for (const [request, answer] of asked) assertShape(request, answer);
  });
});

/** The client throws the entry of `errors`, as an error. */
function refusal(error) {
  assert.ok(error instanceof Error);
  const { message, path, extensions } = error;
  assert.deepEqual({ message, path, extensions }, {
    message: 'You need READ_STAFF_ACCOUNTS to read Staff.email.',
    path: ['clinicians', 'nodes', 0, 'email'],
    extensions: { code: 'FORBIDDEN', needs: 'READ_STAFF_ACCOUNTS' },
  });
  return true;
}
