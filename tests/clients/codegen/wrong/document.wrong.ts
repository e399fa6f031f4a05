import { graphql } from '../src/gql/gql.js';

graphql(`
  query Wrong {
    patients(first: 1) {
      nodes { firstNames }
    }
  }
`);
