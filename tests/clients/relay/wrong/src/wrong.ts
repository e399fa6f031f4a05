import { graphql } from 'relay-runtime';

graphql`
  query wrongQuery {
    patients(first: 1) {
      nodes { firstNames }
    }
  }
`;
