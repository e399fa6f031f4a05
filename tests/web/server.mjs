// Starts the server as a person would: the binary, an empty data directory, a port of its own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const START_SECONDS = 180; // the first start may unpack a database
const STOP_SECONDS = 30;

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/**
 * Starts the binary that PATIENT_LOGGER names (else the debug build) and waits until it is ready.
 *
 * `stop()` ends it with SIGTERM, and fails unless it exits with code 0.
 */
export async function startServer(environment = {}) {
  const binary = resolve(root, process.env.PATIENT_LOGGER ?? 'target/debug/patient-logger');
  await access(binary).catch(() => assert.fail(`${binary} is not there: build it with \`cargo build\`, or name it in PATIENT_LOGGER`));

  const data = await mkdtemp(join(tmpdir(), 'patient-logger-web-'));
  const child = spawn(binary, ['serve'], {
    cwd: data,
    env: { ...process.env, LISTEN: '127.0.0.1:0', DATA_DIR: data, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let ended = null;
  const exit = new Promise((done) => child.once('exit', (code, signal) => { ended = signal ?? code; done(ended); }));
  child.once('error', (error) => { ended = error.message; });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { output += text; });

  const tail = () => output.split('\n').slice(-40).join('\n');
  const kill = async () => {
    child.kill('SIGKILL');
    await rm(data, { recursive: true, force: true });
  };

  const patience = Date.now() + START_SECONDS * 1000;
  let url;
  for (;;) {
    // The log may be coloured; an escape sequence ends the address as well as a space does.
    url ??= output.match(/http:\/\/127\.0\.0\.1:[1-9]\d*/)?.[0];
    if (url && (await fetch(`${url}/readyz`).then((answer) => answer.ok, () => false))) break;
    if (ended !== null || Date.now() > patience) {
      await kill();
      assert.fail(`${ended === null ? `the server was not ready within ${START_SECONDS} s` : `the server ended at once (${ended})`}:\n${tail()}`);
    }
    await pause(100);
  }

  return {
    url,
    data,
    output: () => output,
    async stop() {
      child.kill('SIGTERM');
      let timer;
      const late = new Promise((done) => { timer = setTimeout(done, STOP_SECONDS * 1000, 'late'); });
      const how = await Promise.race([exit, late]);
      clearTimeout(timer);
      await kill();
      assert.equal(how, 0, `SIGTERM must end the server with code 0 within ${STOP_SECONDS} s, it was ${how}:\n${tail()}`);
    },
  };
}
