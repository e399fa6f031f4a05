import { Environment, Network, RecordSource, Store } from 'relay-runtime';

/** A store of its own for whoever is signed in, and the way to the server. */
export const environment = (url: string, token?: string) => new Environment({
  store: new Store(new RecordSource()),
  network: Network.create(async ({ text }, variables) => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query: text, variables }) });
    return answer.json();
  }),
});
