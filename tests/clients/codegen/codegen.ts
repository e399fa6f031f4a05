import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: 'codegen/src/*.ts',
  importExtension: '.js',
  generates: {
    'codegen/src/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        nullability: { errorHandlingClient: true }, // @semanticNonNull is non-null: client.ts throws where an error is read
        documentMode: 'string',
        scalars: { Date: 'string', DateTime: 'string' },
        strictScalars: true,
        useTypeImports: true,
      },
    },
  },
};

export default config;
