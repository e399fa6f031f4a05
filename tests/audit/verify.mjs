// Checks an export of the audit trail. Written from src/audit/format.md; it shares no code with the service and needs nothing
// but Node.
//
//     patient-logger audit export > trail.jsonl
//     node tests/audit/verify.mjs trail.jsonl [heads.jsonl [jwks.json]]
//
// It prints one line for each thing that is not as it was, and ends with code 1 if there is any.

import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const LEAF = 0, NODE = 1, HEAD = 2;
const YEARS_KEPT = 6;
const UNSEALED_SECONDS = 60;

const sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const byte = (value) => Buffer.from([value]);
const int4 = (value) => { const buffer = Buffer.alloc(4); buffer.writeInt32BE(value); return buffer; };
const int8 = (value) => { const buffer = Buffer.alloc(8); buffer.writeBigInt64BE(BigInt(value)); return buffer; };
const hex = (text) => Buffer.from(text, 'hex');
const uuid = (text) => hex(text.replaceAll('-', ''));

/** Microseconds since 2000 of `2026-03-01T12:00:00.000001Z`. */
function microseconds(text) {
  const [, seconds, fraction] = text.match(/^(.{19})\.(\d{6})Z$/) ?? [];
  if (!seconds) throw new Error(`"${text}" is not a time with six digits of a second`);
  return BigInt(Date.parse(`${seconds}Z`) - Date.UTC(2000, 0)) * 1000n + BigInt(fraction);
}

const days = (text) => (Date.parse(`${text}T00:00:00Z`) - Date.UTC(2000, 0)) / 86_400_000;

const TYPES = {
  uuid: [2950, uuid],
  timestamptz: [1184, (text) => int8(microseconds(text))],
  date: [1082, (text) => int4(days(text))],
  int8: [20, int8],
  int4: [23, int4],
  text: [25, (text) => Buffer.from(text, 'utf8')],
  bytea: [17, hex],
  'uuid[]': [2951, (ids) => Buffer.concat([
    int4(ids.length > 0 ? 1 : 0), int4(0), int4(2950),
    ...(ids.length > 0 ? [int4(ids.length), int4(1)] : []),
    ...ids.flatMap((id) => [int4(16), uuid(id)]),
  ])],
};

const columns = (text) => text.split(',').map((column) => column.trim().split(' '));
const EVENT = columns(`hospital_id uuid, at timestamptz, id uuid, xid int8, request_id uuid, actor_kind text, actor_id uuid,
  session_id uuid, role text, address text, action text, outcome text, operation text, shape_id uuid, subject_id uuid,
  row_count int4, patients uuid[], reason text`);
const SEAL = columns(`hospital_id uuid, no int8, month date, from_xid int8, to_xid int8, events int4, root bytea,
  previous_head bytea, sealed_at timestamptz`);

/** PostgreSQL's binary form of a row. */
function record(row, shape) {
  const parts = [int4(shape.length)];
  for (const [name, type] of shape) {
    const [oid, encode] = TYPES[type];
    if (row[name] === null) {
      parts.push(int4(oid), int4(-1));
    } else {
      const bytes = encode(row[name]);
      parts.push(int4(oid), int4(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

export const leafOf = (event) => sha256(byte(LEAF), record(event, EVENT)).toString('hex');
export const headOf = (seal) => sha256(byte(HEAD), record(seal, SEAL)).toString('hex');
const genesis = (hospital) => sha256(byte(HEAD), uuid(hospital)).toString('hex');
const node = (left, right) => sha256(byte(NODE), left, right);

function rootOf(leaves) {
  let level = leaves.map(hex);
  while (level.length > 1) {
    const above = [];
    for (let i = 0; i < level.length; i += 2) above.push(i + 1 < level.length ? node(level[i], level[i + 1]) : level[i]);
    level = above;
  }
  return level[0]?.toString('hex');
}

/** Whether a leaf is in the seal with this root, by its path. */
export function proves({ leaf, index, path }, { events, root }) {
  let hash = hex(leaf), i = index, n = events;
  const rest = path.map(hex);
  while (n > 1) {
    if (i % 2 === 1 || i + 1 !== n) {
      const next = rest.shift();
      if (!next) return false;
      hash = i % 2 === 0 ? node(hash, next) : node(next, hash);
    }
    i = Math.floor(i / 2);
    n = Math.floor((n + 1) / 2);
  }
  return rest.length === 0 && hash.toString('hex') === root;
}

function shapeId({ fields, refused }) {
  const list = (names) => names.map((name) => Buffer.from(name)).sort(Buffer.compare).map((name) => `${name}\n`).join('');
  return sha256(`${list(fields)}\n${list(refused)}`).subarray(0, 16).toString('hex');
}

/** Compares two events as seals order them. Equal spellings of times and ids sort as their values do. */
function inOrder(one, other) {
  const by = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return by(BigInt(one.xid), BigInt(other.xid)) || by(one.at, other.at) || by(one.id, other.id);
}

/** What is not as it was, as lines of text. `kept` are heads that were kept elsewhere. */
export function verify(lines, kept = [], now = new Date()) {
  const found = [];
  const hospitals = new Map();
  const retired = new Map();
  let current;
  for (const line of lines) {
    const { kind, ...row } = JSON.parse(line);
    if (kind === 'hospital') {
      current = { slug: row.slug, seals: [], events: [] };
      hospitals.set(row.id, current);
    } else if (kind === 'seal' || kind === 'event') {
      // An event lies where it stands, whatever it says: the hospital is part of its leaf.
      current[kind === 'seal' ? 'seals' : 'events'].push(row);
    } else if (kind === 'shape') {
      if (shapeId(row) !== row.id.replaceAll('-', '')) found.push(`the names of fields ${row.id} are not those it was made of`);
    } else if (kind === 'retired') {
      retired.set(row.month, row.retired_at);
      const over = new Date(`${row.month}T00:00:00Z`);
      over.setUTCMonth(over.getUTCMonth() + 1 + 12 * YEARS_KEPT);
      if (new Date(row.retired_at) < over) found.push(`the events of ${row.month.slice(0, 7)} were dropped before six years had passed`);
    }
  }
  for (const id of new Set(kept.map((head) => head.hospital_id))) {
    if (!hospitals.has(id)) found.push(`a head of hospital ${id} was kept elsewhere, and there is no such hospital`);
  }
  for (const [id, hospital] of hospitals) {
    const say = (text) => found.push(`${hospital.slug}: ${text}`);
    checkChain(id, hospital, kept.filter((head) => head.hospital_id === id), say);
    checkEvents(hospital, retired, now, say);
  }
  return found;
}

function checkChain(id, { seals }, kept, say) {
  let last = { no: 0n, head: genesis(id), to_xid: '0', from_xid: '0', month: '' };
  let good = 0n;
  let rechained = false;
  const heads = new Map(kept.map((head) => [BigInt(head.no), head.head]));
  for (const seal of seals) {
    const no = BigInt(seal.no);
    const leaves = seal.leaves.match(/.{64}/g) ?? [];
    if (no !== last.no + 1n) say(`seals ${last.no + 1n} to ${no - 1n} are missing`);
    else if (seal.previous_head !== last.head) say(`seal ${no} does not name the head of the seal before`);
    if (headOf(seal) !== seal.head) say(`seal ${no} is not as it was made: its head does not fit`);
    if (rootOf(leaves) !== seal.root) say(`seal ${no} is not as it was made: its leaves do not fit its root`);
    if (leaves.length !== seal.events) say(`seal ${no} is not as it was made: it has ${leaves.length} leaves`);
    const [from, to, lastTo] = [BigInt(seal.from_xid), BigInt(seal.to_xid), BigInt(last.to_xid)];
    const sameWindow = seal.from_xid === last.from_xid && seal.to_xid === last.to_xid && last.month < seal.month;
    if (from >= to || (from < lastTo && !sameWindow)) say(`seal ${no} is not as it was made: its window does not follow`);
    if (heads.get(no) === seal.head) good = no;
    else if (heads.has(no) && !rechained) {
      rechained = true;
      say(`the head of seal ${no} is not the one that was kept elsewhere, that of seal ${good} was: the chain between them was made anew`);
    }
    last = { ...seal, no };
  }
  const newest = [...heads.keys()].reduce((a, b) => (a > b ? a : b), 0n);
  if (newest > last.no) say(`the chain ends with seal ${last.no}, and a head of seal ${newest} was kept elsewhere: its tail is cut off`);
}

function checkEvents({ seals, events }, retired, now, say) {
  const months = new Map();
  const month = (name) => months.get(name) ?? months.set(name, { seals: [], events: [] }).get(name);
  for (const seal of seals) if (!(seal.sealed_at <= retired.get(seal.month))) month(seal.month).seals.push(seal);
  for (const event of events) month(`${event.at.slice(0, 7)}-01`).events.push(event);
  const sealedUpTo = seals.reduce((most, seal) => (BigInt(seal.to_xid) > most ? BigInt(seal.to_xid) : most), 0n);
  const until = now.getTime() - UNSEALED_SECONDS * 1000;
  for (const { seals, events } of months.values()) {
    events.sort(inOrder);
    let next = 0;
    const outside = (event) => {
      if (BigInt(event.xid) < sealedUpTo) say(`event ${event.id} of ${event.at} is in no seal`);
      else if (Date.parse(event.at) < until) say(`event ${event.id} of ${event.at} is not sealed yet`);
    };
    for (const seal of seals) {
      while (next < events.length && BigInt(events[next].xid) < BigInt(seal.from_xid)) outside(events[next++]);
      const missing = new Map((seal.leaves.match(/.{64}/g) ?? []).map((leaf, index) => [leaf, index + 1]));
      const strange = [];
      for (; next < events.length && BigInt(events[next].xid) < BigInt(seal.to_xid); next += 1) {
        if (!missing.delete(leafOf(events[next]))) strange.push(events[next]);
      }
      for (const place of missing.values()) say(`seal ${seal.no}, place ${place}: the event is gone or was changed`);
      for (const event of strange) say(`seal ${seal.no}: event ${event.id} of ${event.at} is not what was sealed`);
    }
    while (next < events.length) outside(events[next++]);
  }
}

/** The heads in a file of what `audit heads` printed, one or many times; those that are signed, with these public keys. */
export const readHeads = (text, jwks) => text.split('\n').filter((line) => line.trim())
  .flatMap((line) => JSON.parse(line.startsWith('{') ? line : signed(line.trim(), jwks)).heads);

/** The payload of a JSON Web Signature. */
function signed(text, jwks) {
  const [header, payload, signature] = text.split('.');
  const { alg, typ, kid } = JSON.parse(Buffer.from(header, 'base64url'));
  const jwk = jwks?.keys.find((key) => key.kid === kid);
  const holds = jwk && alg === 'EdDSA' && typ === 'audit-heads'
    && verifySignature(null, `${header}.${payload}`, createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(signature, 'base64url'));
  if (!holds) throw new Error(`the heads signed with key ${kid} are not signed with one of the given keys`);
  return Buffer.from(payload, 'base64url').toString();
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , trail, heads, jwks] = process.argv;
  const keys = jwks && JSON.parse(readFileSync(jwks, 'utf8'));
  if (!trail) {
    console.error('usage: node verify.mjs TRAIL [HEADS [JWKS]]   (what `audit export` and `audit heads` print)');
    process.exit(2);
  }
  const lines = [];
  for await (const line of createInterface({ input: createReadStream(trail) })) lines.push(line);
  const found = verify(lines, heads ? readHeads(readFileSync(heads, 'utf8'), keys) : []);
  for (const line of found) console.log(line);
  if (found.length === 0) console.log('The audit trail is whole.');
  process.exit(found.length === 0 ? 0 : 1);
}
