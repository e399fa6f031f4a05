// Whether an answer is what schema.graphql declares: graphql-js executes the operation over the answer itself.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildSchema, execute, parse, responsePathAsArray, validateSchema } from 'graphql';

export const schema = buildSchema(await readFile(join(import.meta.dirname, '../../schema.graphql'), 'utf8'));
assert.deepEqual(validateSchema(schema), []);

const semanticNonNull = ({ parentType, fieldName }) =>
  parentType.getFields()[fieldName].astNode.directives.some((directive) => directive.name.value === 'semanticNonNull');

/** Fails unless each selected field is there, of its type, and null only where the schema allows that. */
export function assertShape({ query, variables }, { data, errors = [] }) {
  const refused = new Set(errors.map(({ path }) => JSON.stringify(path)));
  const fieldResolver = (parent, _, __, info) => {
    const path = responsePathAsArray(info.path);
    const value = parent[path.at(-1)];
    assert.notEqual(value, undefined, 'missing');
    if (refused.delete(JSON.stringify(path))) assert.equal(value, null, 'has an error and a value');
    else if (value === null) assert.ok(!semanticNonNull(info), 'null without an error');
    return value;
  };
  const again = execute({ schema, document: parse(query), rootValue: data, variableValues: variables, fieldResolver });
  assert.deepEqual(again.errors?.map(({ path, message }) => `${path.join('.')}: ${message}`), undefined, query);
  assert.deepEqual(JSON.parse(JSON.stringify(again.data)), data);
  assert.deepEqual([...refused], [], 'errors at paths that the answer does not have');
}
