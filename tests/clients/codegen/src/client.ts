import { toe } from 'graphql-toe';
import type { TypedDocumentString } from './gql/graphql.js';

/** A typed function that asks the server. Reading a field that was refused, or that failed, throws its error. */
export const client = (url: string, token?: string) =>
  async <Data extends object, Variables>(query: TypedDocumentString<Data, Variables>, variables: Variables) => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    const { data, errors } = await answer.json();
    return toe<Data>({ data, errors: errors?.map((error: Error) => Object.assign(new Error(error.message), error)) });
  };

export type Ask = ReturnType<typeof client>;
