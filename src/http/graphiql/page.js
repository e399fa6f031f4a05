// The page around GraphiQL: who is signed in, and what the last answer refused.
//
// GraphiQL itself comes from the bundle, which defines `YogaGraphiQL`. It takes a fetcher, so every request of the
// page passes `ask` below: there the access token is added, placeholders are filled in, and the answer is read for
// refused fields. The token is never written into GraphiQL's header editor, its storage or the address.
'use strict';

(() => {
  const settings = JSON.parse(document.getElementById('settings').textContent);
  const assets = '/graphiql/assets/';
  const people = settings.demo ? settings.demo.people : [];
  const el = (id) => document.getElementById(id);
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // ---- The session -----------------------------------------------------------------------------------------------
  // A demo session outlives a reload, because its password is no secret. A real one lives in memory alone: a reload
  // signs out, and nothing of it stays behind on a shared workstation.
  const kept = 'patient-logger:demo-session';
  let session = null; // { token, expiresAt, viewer, person }
  let turn = 0; // the newest sign-in wins when two overlap
  let renewal = null;

  const SIGN_IN = `mutation SignIn($input: SignInInput!) {
  signIn(input: $input) {
    accessToken
    expiresAt
    viewer { name role hospital { name } permissions }
    choices { slug name }
    secondFactorRequired
    userErrors { message }
  }
}`;

  async function post(body, headers) {
    const response = await fetch(settings.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json;q=0.9',
        ...headers,
      },
      body: JSON.stringify(body),
      credentials: 'omit',
      cache: 'no-store',
    });
    const text = await response.text();
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      answer = { errors: [{ message: text || `The server answered ${response.status} without a body.` }] };
    }
    return { status: response.status, answer };
  }

  // Runs the mutation and gives its payload; throws an Error with a text for people when it has neither token nor choices.
  async function requestToken(input) {
    let reply;
    try {
      reply = await post({ query: SIGN_IN, variables: { input }, operationName: 'SignIn' });
    } catch {
      throw new Error('The server cannot be reached. Is it still running?');
    }
    const payload = reply.answer.data?.signIn;
    if (payload?.accessToken || payload?.choices?.length) return payload;
    if (payload?.secondFactorRequired) throw new Error('This account has a second factor: type the code that the app shows.');
    const errors = [...(payload?.userErrors ?? []), ...(reply.answer.errors ?? [])];
    throw new Error(errors.map((error) => error.message).join(' ') || 'Signing in failed.');
  }

  function open(payload, person) {
    session = { token: payload.accessToken, expiresAt: payload.expiresAt, viewer: payload.viewer, person };
    if (person) sessionStorage.setItem(kept, JSON.stringify(session));
    else sessionStorage.removeItem(kept);
    example = null;
    showSession();
  }

  // Signing out leaves no answer on the screen; a real person's tabs go with them, for they may name patients.
  function close() {
    if (!session.person) storage.clear();
    sessionStorage.removeItem(kept);
    location.reload();
  }

  const VIEWER = 'query Viewer { viewer { name role expiresAt hospital { name } permissions } }';

  // A partner's system has a key instead of a password; it is sent as it is.
  async function useKey(key) {
    const { answer } = await post({ query: VIEWER }, { authorization: `Bearer ${key}` });
    const viewer = answer.data?.viewer;
    if (!viewer) throw new Error((answer.errors ?? []).map((error) => error.message).join(' ') || 'The key does not work.');
    return { accessToken: key, expiresAt: viewer.expiresAt, viewer };
  }

  const inputOf = (person) => ({ email: person.email, password: settings.demo.password, hospital: person.hospital });
  const expired = () => session !== null && Date.parse(session.expiresAt) - Date.now() < 5000;

  // Signs a demo person in again without a word; one attempt at a time.
  function renew() {
    const { person } = session;
    const mine = turn;
    renewal ??= (person.key ? useKey(person.key) : requestToken(inputOf(person)))
      .then((payload) => { if (mine === turn) open(payload, person); })
      .finally(() => { renewal = null; });
    return renewal;
  }

  async function signIn(input, person) {
    const mine = ++turn;
    problem(null);
    choose(null);
    busy(true);
    try {
      const payload = await (person?.key ? useKey(person.key) : requestToken(input));
      if (mine !== turn) return;
      if (payload.accessToken) {
        open(payload, person);
        el('sign-in').reset();
        el('other').open = false;
        afterSignIn();
      } else {
        choose(payload.choices, input);
      }
    } catch (error) {
      if (mine === turn) problem(error.message);
    } finally {
      if (mine === turn) busy(false);
    }
  }

  // ---- Requests --------------------------------------------------------------------------------------------------
  let example = null; // a patient of the signed-in hospital, for {{patientId}} and {{mrn}}

  async function examplePatient() {
    if (example) return example;
    const query = `query PatientForThePlaceholders {
  patients(first: 10, filter: { statuses: [ADMITTED] }) { nodes { id mrn taskLogs(first: 1) { nodes { id } } } }
}`;
    const { answer } = await post({ query }, authorization());
    const patients = answer.data?.patients?.nodes ?? [];
    example = patients.find((patient) => patient.taskLogs?.nodes.length > 0) ?? patients[0] ?? null;
    return example;
  }

  const authorization = () => (session ? { authorization: `Bearer ${session.token}` } : {});

  // Fills in the {{placeholders}} of the tabs this page comes with. Other texts are sent as they are.
  async function fill(variables) {
    const text = JSON.stringify(variables ?? null);
    if (!/\{\{(patientId|mrn|now|uuid)\}\}/.test(text)) return variables;
    const patient = /\{\{(patientId|mrn)\}\}/.test(text) ? await examplePatient() : null;
    const values = { patientId: patient?.id, mrn: patient?.mrn, now: new Date().toISOString(), uuid: crypto.randomUUID?.() ?? String(Math.random()) };
    return JSON.parse(text, (_, value) => (typeof value === 'string' ? value.replace(/\{\{(\w+)\}\}/g, (whole, name) => values[name] ?? whole) : value));
  }

  const turnedAway = ({ answer }) => answer.data == null && (answer.errors ?? []).some((error) => error.extensions?.code === 'UNAUTHENTICATED');

  // GraphiQL's fetcher.
  async function ask({ query, variables, operationName }, { headers = {} } = {}) {
    const introspection = operationName === 'IntrospectionQuery';
    const own = Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
    const send = () => post(body, { ...(own ? {} : authorization()), ...headers });
    // For a moment after a change of tabs GraphiQL still names the operation of the last one.
    const names = operationsOf(query).map(({ name }) => name);
    const body = { query, variables, operationName: names.includes(operationName) ? operationName : undefined };
    const started = performance.now();
    try {
      if (!own && session?.person && expired()) await renew().catch(() => {});
      body.variables = await fill(variables);
      let reply = await send();
      // A token can end before its time, for instance when the server was started anew. Nothing was run: ask again.
      if (!own && session?.person && turnedAway(reply)) {
        await renew();
        body.variables = await fill(variables);
        reply = await send();
      }
      if (!introspection) report(reply, performance.now() - started);
      // The server may keep its schema for staff. GraphiQL would take the null for a fault; `afterSignIn` asks again.
      else if (reply.answer.data?.__schema === null) return { message: reply.answer.errors[0].message };
      const { data, errors, ...rest } = reply.answer;
      return { data, errors, ...rest }; // what was served first, then what was not
    } catch (error) {
      if (!introspection) say('failed', 'The server cannot be reached.');
      throw error;
    }
  }

  // ---- The strip: what was refused ---------------------------------------------------------------------------------
  function say(state, text) {
    el('strip').dataset.state = state;
    el('strip-head').textContent = text;
    el('refused').replaceChildren();
  }

  function report({ status, answer }, milliseconds) {
    const errors = answer.errors ?? [];
    const refused = new Map();
    let other = 0;
    for (const { path, extensions = {}, message } of errors) {
      if (extensions.code !== 'FORBIDDEN' && extensions.code !== 'UNAUTHENTICATED') { other += 1; continue; }
      // One line for a field, however many rows it was refused in.
      const where = (path ?? []).reduce((text, step) => (typeof step === 'number' ? `${text}[]` : text ? `${text}.${step}` : step), '') || 'the whole request';
      const needs = [extensions.needs ?? (extensions.code === 'UNAUTHENTICATED' ? 'a sign-in' : 'more permission')].flat().join(' + ');
      const key = `${where} ${needs}`;
      const entry = refused.get(key) ?? { where, needs, message, times: 0 };
      entry.times += 1;
      refused.set(key, entry);
    }
    const cost = answer.extensions?.cost?.actual;
    const facts = `${status} · ${Math.max(1, Math.round(milliseconds))} ms${cost == null ? '' : ` · cost ${cost}`}`;
    if (refused.size === 0 && other === 0) {
      say('clear', `✓ Nothing was refused · ${facts}`);
    } else if (refused.size === 0) {
      say('failed', `✕ ${other} ${other === 1 ? 'error' : 'errors'}: ${errors[0].message} · ${facts}`);
    } else {
      const rest = other ? ` and ${other} other ${other === 1 ? 'error' : 'errors'}` : '';
      say('refused', `⊘ ${refused.size} ${refused.size === 1 ? 'field' : 'fields'} refused${rest} · ${facts}`);
      el('refused').append(...[...refused.values()].map(({ where, needs, message, times }) => make('li', { title: message },
        make('span', { className: 'path', textContent: where }),
        make('span', { className: 'times', textContent: times > 1 ? ` ×${times}` : '' }),
        ' needs ',
        make('span', { className: 'needs', textContent: needs }))));
    }
  }

  // ---- The bar -----------------------------------------------------------------------------------------------------
  function problem(text) {
    el('problem').hidden = !text;
    el('problem').textContent = text ?? '';
  }

  function busy(on) {
    for (const button of document.querySelectorAll('.people button, .sign-in button, .choices button')) button.disabled = on;
  }

  function choose(choices, input) {
    el('choices').hidden = !choices;
    el('choices').replaceChildren(...(choices ? ['Sign in at', ...choices.map(({ slug, name }) => make('button', {
      type: 'button', textContent: name, onclick: () => signIn({ ...input, hospital: slug }, null),
    }))] : []));
  }

  const words = (constant) => (constant === 'ADMIN' ? 'Administrator' : constant ? constant[0] + constant.slice(1).toLowerCase().replaceAll('_', ' ') : '');

  function showSession() {
    for (const button of document.querySelectorAll('.people button')) {
      const { person } = session ?? {};
      button.setAttribute('aria-pressed', String(Boolean(person) && button.dataset.key === keyOf(person)));
    }
    el('who').hidden = !session;
    if (!settings.demo) el('sign-in').hidden = session !== null;
    if (!session) return;
    const { name, role, hospital, permissions = [] } = session.viewer ?? {};
    el('who-name').textContent = name ?? 'Signed in';
    el('who-role').textContent = words(role);
    el('who-hospital').textContent = hospital?.name ?? '';
    el('may-count').textContent = `${permissions.length} permissions`;
    el('may-list').replaceChildren(...permissions.map((name) => make('li', { textContent: name })));
    showTime();
  }

  function showTime() {
    if (!session) return;
    const end = new Date(session.expiresAt);
    const left = Math.round((end - Date.now()) / 1000);
    const label = left > 172800 ? `in ${Math.round(left / 86400)} days` : left > 90 ? `in ${Math.round(left / 60)} min` : `in ${left} s`;
    el('who-until').dateTime = session.expiresAt;
    el('who-until').title = `Access token expires at ${end.toLocaleTimeString()}`;
    el('who-until').textContent = left > 0 ? `token ends ${label}` : session.person ? 'token renews with the next request' : 'token has ended';
    if (left <= 0 && !settings.demo) el('sign-in').hidden = false;
  }

  const keyOf = (person) => `${person.email ?? person.key} ${person.hospital}`;

  function showPeople() {
    const hospitals = new Map();
    for (const person of people) hospitals.set(person.hospital, [...(hospitals.get(person.hospital) ?? []), person]);
    for (const members of hospitals.values()) {
      const parts = members.map((person) => person.label.split(/, | at /)); // 'Clinician at Riverside'
      el('people').append(make('fieldset', {}, make('legend', { textContent: parts[0][1] ?? members[0].hospital }), ...members.map((person, index) => {
        const button = make('button', { type: 'button', textContent: parts[index][0], title: person.email ? `Sign in as ${person.email}` : 'Use the key of a partner', onclick: () => signIn(inputOf(person), person) });
        button.dataset.key = keyOf(person);
        button.setAttribute('aria-label', person.label);
        button.setAttribute('aria-pressed', 'false');
        return button;
      })));
    }
    el('people').hidden = people.length === 0;
    // Without demo people the sign-in form stands in the bar itself.
    if (settings.demo) el('other').hidden = false;
    else el('bar').insertBefore(el('sign-in'), el('choices'));
  }

  // ---- GraphiQL ----------------------------------------------------------------------------------------------------
  let text = ''; // of the open tab
  let schemaKnown = false;

  // The operations of a document, as { kind: 'query' | 'mutation' | 'subscription', name }.
  function operationsOf(source) {
    const bare = source.replace(/"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*/g, ' ');
    const operations = [];
    let depth = 0;
    let header = ''; // what stands between two selections at depth 0
    for (const [token] of bare.matchAll(/[{}()[\]]|[\w@$]+/g)) {
      if (depth === 0 && token === '{') {
        const [, kind, name] = header.match(/^(\w+) ?(\w+)?/) ?? [null, 'query'];
        if (kind !== 'fragment') operations.push({ kind, name });
        header = '';
      } else if (depth === 0 && /\w/.test(token)) {
        header += `${token} `;
      }
      if ('{(['.includes(token)) depth += 1;
      else if ('})]'.includes(token)) depth -= 1;
    }
    return operations;
  }

  // A new person sees the open tab at once, when that only reads. A mutation is never run by itself.
  function afterSignIn(patience = 100) {
    if (!schemaKnown) document.querySelector('button[aria-label^="Re-fetch GraphQL schema"]')?.click();
    const run = document.querySelector('.graphiql-execute-button');
    const operations = operationsOf(text);
    if (!run || !document.querySelector('.graphiql-editor .view-line')) {
      if (patience > 0) setTimeout(afterSignIn, 100, patience - 1);
    } else if (operations.length === 1 && operations[0].kind === 'query' && run.getAttribute('aria-label').startsWith('Execute')) {
      run.click();
    } else {
      say('idle', `Signed in as ${session?.viewer?.name ?? 'you'}. Run an operation to see what you may read.`);
    }
  }

  // operations.graphql: the tabs stand between lines of `# ====`; a line `# variables: …` holds the tab's variables.
  function tabsOf(source) {
    const variablesLine = /^# variables: (.*)\n/m;
    return source.split(/^# =+\n/m).map((block) => {
      const [, variables] = block.match(variablesLine) ?? [];
      return {
        query: `${block.replace(variablesLine, '').trim()}\n`,
        variables: variables && JSON.stringify(JSON.parse(variables), null, 2),
      };
    });
  }

  // What is typed here may name patients: it is kept for this browser tab, not on the disk of the workstation.
  const storage = {
    getItem: (key) => sessionStorage.getItem(key),
    setItem: (key, value) => sessionStorage.setItem(key, value),
    removeItem: (key) => sessionStorage.removeItem(key),
    get length() { return sessionStorage.length; },
    clear: () => Object.keys(sessionStorage).filter((key) => key.startsWith('graphiql:')).forEach((key) => sessionStorage.removeItem(key)),
  };

  // After a reload GraphiQL looks for the tab of its last edit, and opens an empty one when nothing was edited. This tells
  // it which tab was open. Gives that tab's text.
  function reopen() {
    try {
      const { tabs, activeTabIndex } = JSON.parse(storage.getItem('graphiql:tabState'));
      const { query, variables } = tabs[activeTabIndex];
      storage.setItem('graphiql:query', query);
      if (variables) storage.setItem('graphiql:variables', variables);
      else storage.removeItem('graphiql:variables');
      return query;
    } catch {
      storage.clear();
      return null;
    }
  }

  async function start() {
    showPeople();
    el('sign-in').addEventListener('submit', (event) => {
      event.preventDefault();
      const [code, hospital] = ['code', 'hospital'].map((name) => el(name).value || undefined);
      signIn({ email: el('email').value, password: el('password').value, code, hospital }, null);
    });
    el('sign-out').addEventListener('click', close);
    document.addEventListener('click', (event) => {
      for (const details of document.querySelectorAll('.bar details[open]')) if (!details.contains(event.target)) details.open = false;
    });
    setInterval(showTime, 1000);
    try {
      const saved = JSON.parse(sessionStorage.getItem(kept));
      if (saved && people.some((person) => keyOf(person) === keyOf(saved.person))) session = saved;
    } catch {
      sessionStorage.removeItem(kept);
    }
    showSession();
    say('idle', session ? 'Run an operation to see what you may read.'
      : settings.demo ? 'Choose a person: one click signs in and runs the open tab.' : 'Sign in to run operations.');

    globalThis.MonacoEnvironment = {
      getWorker: (_, label) => new Worker(`${assets}${{ graphql: 'graphql', json: 'json' }[label] ?? 'editor'}.worker.js`, { name: label, type: 'module' }),
    };
    const operations = await fetch(`${assets}operations.graphql`).then((response) => (response.ok ? response.text() : ''));
    const tabs = operations ? tabsOf(operations) : [{ query: '{ viewer { name role } }\n' }];
    text = reopen() ?? tabs[0].query;
    const root = el('root');
    if (!globalThis.YogaGraphiQL) {
      problem('GraphiQL itself did not load. Reload the page; if that does not help, look at the server’s log.');
      return;
    }
    root.replaceChildren();
    globalThis.YogaGraphiQL.renderYogaGraphiQL(root, {
      fetcher: ask,
      defaultTabs: tabs,
      storage,
      title: 'Patient Logger',
      shouldPersistHeaders: false,
      showPersistHeadersSettings: false,
      onEditQuery: (query) => { text = query; },
      onTabChange: ({ tabs: all, activeTabIndex }) => { text = all[activeTabIndex]?.query ?? ''; },
      onSchemaChange: () => { schemaKnown = true; },
    });
  }

  start();
})();
