// What the bundler of an application does: types away, `graphql` tags replaced by what the Relay compiler made of them.

import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import babel from '@babel/core';

const source = join(import.meta.dirname, 'src');
const target = join(import.meta.dirname, '../build/relay');

for (const file of await readdir(source, { recursive: true })) {
  if (!file.endsWith('.ts')) continue;
  const { code } = await babel.transformFileAsync(join(source, file), {
    babelrc: false,
    configFile: false,
    presets: ['@babel/preset-typescript'],
    plugins: ['relay', '@babel/plugin-transform-modules-commonjs'],
  });
  const output = join(target, file.replace(/ts$/, 'js'));
  await mkdir(dirname(output), { recursive: true });
  await writeFile(output, code);
}
await writeFile(join(target, 'package.json'), '{ "type": "commonjs" }\n');
