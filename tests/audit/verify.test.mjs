// The trail of a running server, exported, and checked by a program that knows nothing but the documented format: what was
// done is found whole, and whatever is touched is found.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { startServer } from '../web/server.mjs';
import { headOf, leafOf, readHeads, verify } from './verify.mjs';

const root = resolve(import.meta.dirname, '../..');
/** Reads in each of two rounds, so that there are more than twenty events to tamper with. */
const READS = 12;
const PLACES = 20;
let server, lines, heads, oldHeads, hospital;

async function ask(token, query, variables) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  return answer.json();
}

/** Runs a command beside the server, on its database. */
function audit(...args) {
  const binary = resolve(root, process.env.PATIENT_LOGGER ?? 'target/debug/patient-logger');
  const env = { ...process.env, DATA_DIR: server.data };
  const { status, stdout, stderr, error } = spawnSync(binary, ['audit', ...args], { encoding: 'utf8', env, maxBuffer: 2 ** 28 });
  assert.ifError(error);
  return { status, stdout, stderr };
}

function passes(...args) {
  const { status, stdout, stderr } = audit(...args);
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout;
}

/** Waits until everything is sealed: the newest head is younger than the last request. */
async function sealed(since) {
  for (const patience = Date.now() + 60_000; Date.now() < patience; await new Promise((done) => setTimeout(done, 200))) {
    const text = passes('heads');
    if (readHeads(text).some((head) => Date.parse(head.sealed_at) > since)) return text;
  }
  return assert.fail('nothing was sealed within a minute');
}

before(async () => {
  server = await startServer({ GRAPHIQL: 'off' });
  const input = { email: 'clinician@riverside.example', password: 'demo-only-password' };
  const signIn = 'mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }';
  const { data } = await ask(null, signIn, { input });
  const token = data.signIn.accessToken;
  for (let round = 0; round < 2; round += 1) {
    for (let count = 1; count <= READS; count += 1) {
      await ask(token, `query Ward${count} { patients(first: ${count}) { nodes { lastName contactPhone } } }`);
    }
    const printed = await sealed(Date.now());
    if (round === 0) oldHeads = readHeads(printed);
    else heads = readHeads(printed);
  }
  lines = passes('export').trimEnd().split('\n');
  hospital = heads[0].hospital_id;
});

after(() => server?.stop());

test('an untouched trail is whole, and what it says is what was done', () => {
  assert.deepEqual(verify(lines, [...oldHeads, ...heads]), []);
  const events = lines.map((line) => JSON.parse(line)).filter(({ kind, hospital_id }) => kind === 'event' && hospital_id === hospital);
  const reads = events.filter(({ operation }) => operation?.startsWith('Ward'));
  assert.deepEqual(reads.map(({ operation, patients }) => [operation, patients.length]).sort(), Array.from({ length: READS }, (_, n) => n + 1).flatMap((n) => [[`Ward${n}`, n], [`Ward${n}`, n]]).sort());
  const shape = lines.map((line) => JSON.parse(line)).find(({ kind, id }) => kind === 'shape' && id === reads[0].shape_id);
  assert.ok(shape.fields.includes('Patient.lastName') && shape.refused.includes('Patient.contactPhone'), JSON.stringify(shape));
  assert.match(passes('verify'), /The audit trail is whole/);
});

test('whatever is changed in an event or a seal is found, and its place is named', () => {
  const flip = (value) => {
    if (value === null) return '00000000-0000-0000-0000-000000000000';
    if (typeof value === 'number') return value + 1;
    if (Array.isArray(value)) return value.length > 0 ? value.slice(1) : [hospital];
    return value.replace(/[0-9a-f](?=[^0-9a-f]*$)/i, (digit) => (digit === '1' ? '2' : '1'));
  };
  const rows = lines.map((line) => JSON.parse(line));
  let tried = 0;
  for (const kind of ['event', 'seal']) {
    const places = rows.flatMap((row, index) => (row.kind === kind && row.hospital_id === hospital ? [index] : []));
    if (kind === 'event') assert.ok(places.length >= PLACES, `${places.length}`);
    for (const index of places) {
      for (const column of Object.keys(rows[index]).filter((name) => name !== 'kind')) {
        const changed = { ...rows[index], [column]: flip(rows[index][column]) };
        if (JSON.stringify(changed) === JSON.stringify(rows[index])) changed[column] = `${changed[column]}x`;
        const found = verify(lines.with(index, JSON.stringify(changed)));
        assert.ok(found.length > 0, `${kind} ${index}: ${column}`);
        const place = kind === 'seal' ? /seals? / : new RegExp(`place|${changed.id}|${rows[index].id}`);
        assert.match(found[0], place, `${kind} ${index}: ${column}`);
        tried += 1;
      }
    }
  }
  assert.ok(tried > 18 * PLACES, `${tried}`);
});

test('deleted, added and exchanged lines are found', () => {
  const rows = lines.map((line) => JSON.parse(line));
  const events = rows.flatMap((row, index) => (row.kind === 'event' && row.hospital_id === hospital ? [index] : []));
  const seals = rows.flatMap((row, index) => (row.kind === 'seal' && row.hospital_id === hospital ? [index] : []));
  assert.ok(events.length >= PLACES, `${events.length}`);
  for (const [number, index] of events.entries()) {
    assert.match(verify(lines.toSpliced(index, 1))[0], /the event is gone/);
    const added = JSON.stringify({ ...rows[index], id: '01990000-0000-7000-8000-000000000000' });
    assert.match(verify(lines.toSpliced(index, 0, added))[0], /event 01990000-\S+ of \S+ is not what was sealed/);
    const other = events[(number + 3) % events.length];
    const [one, two] = [{ ...rows[index], actor_id: rows[other].request_id }, { ...rows[other], actor_id: rows[index].request_id }];
    assert.equal(verify(lines.with(index, JSON.stringify(one)).with(other, JSON.stringify(two))).length, 4);
  }
  assert.match(verify(lines.toSpliced(seals[0], 1))[0], /seals 1 to 1 are missing/);
});

test('a cut tail and a chain made anew show only against heads that were kept elsewhere', () => {
  const rows = lines.map((line) => JSON.parse(line));
  const mine = rows.filter((row) => row.hospital_id === hospital && row.kind === 'seal');
  const last = mine.at(-1);
  const gone = (row) => row.hospital_id === hospital && (row.no === last.no || (row.kind === 'event' && BigInt(row.xid) >= BigInt(last.from_xid)));
  const cut = lines.filter((_, index) => !gone(rows[index]));
  assert.deepEqual(verify(cut), []);
  assert.match(verify(cut, heads)[0], /its tail is cut off/);

  // Without their seals, the newest events are missed one by one.
  const events = rows.flatMap((row, index) => (row.kind === 'event' && row.hospital_id === hospital ? [index] : []));
  for (let count = 1; count <= PLACES; count += 1) {
    const tail = new Set(events.slice(-count));
    const found = verify(lines.filter((_, index) => !tail.has(index)));
    assert.equal(found.filter((line) => /the event is gone/.test(line)).length, count, `${found}`);
  }

  // Whoever holds the database can hash as well as the sealer does.
  const index = rows.findIndex((row) => row.kind === 'event' && row.hospital_id === hospital && BigInt(row.xid) >= BigInt(last.from_xid));
  const forged = { ...rows[index], actor_id: hospital };
  const leaves = last.leaves.replace(leafOf(rows[index]), leafOf(forged));
  const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
  let level = leaves.match(/.{64}/g).map((leaf) => Buffer.from(leaf, 'hex'));
  while (level.length > 1) level = level.flatMap((left, i) => (i % 2 ? [] : [i + 1 < level.length ? sha256(Buffer.from([1]), left, level[i + 1]) : left]));
  const seal = { ...last, leaves, root: level[0].toString('hex') };
  seal.head = headOf(seal);
  const anew = lines.with(index, JSON.stringify(forged)).with(rows.indexOf(last), JSON.stringify(seal));
  assert.deepEqual(verify(anew), []);
  assert.match(verify(anew, [...oldHeads, ...heads])[0], new RegExp(`that of seal ${oldHeads[0].no} was: the chain between them was made anew`));
});

test('the command line of the service says the same about heads that do not fit', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'patient-logger-audit-'));
  const file = join(folder, 'heads.jsonl');
  const keep = async (...kept) => writeFile(file, kept.map((one) => `${JSON.stringify({ heads: one })}\n`).join(''));
  await keep(oldHeads, heads);
  passes('verify', '--heads', file, '--hospital', 'riverside');
  const line = passes('heads', '--sign');
  const jwks = await (await fetch(`${server.url}/.well-known/jwks.json`)).json();
  assert.deepEqual(readHeads(line, jwks).map(({ hospital_id }) => hospital_id), heads.map(({ hospital_id }) => hospital_id));
  assert.throws(() => readHeads(line, { keys: [] }), /not signed with one of the given keys/);
  await writeFile(file, line);
  passes('verify', '--heads', file);
  await writeFile(file, line.replace(/\.(.)/, (_, letter) => (letter === 'a' ? '.b' : '.a')));
  assert.match(audit('verify', '--heads', file).stderr, /line 1: .* its signature or its content is broken/);
  await keep(heads.map((head) => ({ ...head, no: head.no + 5 })));
  const { status, stdout } = audit('verify', '--heads', file);
  assert.equal(status, 1);
  assert.match(stdout, /riverside: the chain ends with seal \d+, and the head of seal \d+ was kept elsewhere/);
  await writeFile(file, 'nonsense\n');
  assert.match(audit('verify', '--heads', file).stderr, /line 1: this is not what `patient-logger audit heads` writes/);
  assert.match(audit('verify', '--hospital', 'nowhere').stderr, /there is no hospital "nowhere"/);
  assert.match(audit('retain', '--years', '5').stderr, /5 is not in 6\.\.=100/);
  assert.match(passes('retain', '--years', '6'), /No month is older than 6 years/);
  await rm(folder, { recursive: true });
});
