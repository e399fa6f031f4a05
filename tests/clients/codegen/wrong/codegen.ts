import type { CodegenConfig } from '@graphql-codegen/cli';
import right from '../codegen';

const config: CodegenConfig = {
  ...right,
  documents: 'codegen/wrong/document.wrong.ts',
  generates: { 'build/wrong/': right.generates['codegen/src/gql/']! },
};

export default config;
