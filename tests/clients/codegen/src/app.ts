// What the screens of a frontend ask. relay/src/app.ts answers the same with Relay.

import { client, type Ask } from './client.js';
import { graphql } from './gql/gql.js';
import type { CreateTaskLogInput, PatientCardFragment, SignInInput, TaskLogsQuery } from './gql/graphql.js';

const SignIn = graphql(`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      accessToken
      userErrors { code message field }
    }
  }
`);

const TaskLogs = graphql(`
  query TaskLogs($first: Int!, $after: String) {
    taskLogs(first: $first, after: $after) {
      nodes {
        id
        description
        completedAt
        patient { id mrn firstName lastName }
        clinician { id name }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

const PatientByMrn = graphql(`
  query PatientByMrn($mrn: String!) {
    patient(mrn: $mrn) { ...PatientCard }
  }
`);

const PatientById = graphql(`
  query PatientById($id: ID!) {
    node(id: $id) { __typename id ...PatientCard }
  }
`);

graphql(`
  fragment PatientCard on Patient {
    id
    mrn
    firstName
    lastName
    dateOfBirth
    room
    status
    contactPhone
  }
`);

const Colleagues = graphql(`
  query Colleagues($first: Int!) {
    clinicians(first: $first) {
      nodes { name email }
    }
  }
`);

const RecordTaskLog = graphql(`
  mutation RecordTaskLog($input: CreateTaskLogInput!) {
    createTaskLog(input: $input) {
      taskLog { id description taskType version clinician { name } }
      userErrors { code message field }
    }
  }
`);

export async function signIn(url: string, input: SignInInput) {
  const { accessToken, userErrors } = (await client(url)(SignIn, { input })).signIn;
  return { userErrors, session: accessToken ? client(url, accessToken) : null };
}

/** The newest task logs, as many pages of them. */
export async function taskLogs(ask: Ask, pageSize: number, pages: number) {
  const rows = [];
  let after: string | null = null;
  do {
    const page: TaskLogsQuery['taskLogs'] = (await ask(TaskLogs, { first: pageSize, after })).taskLogs;
    for (const { id, description, completedAt, patient, clinician } of page.nodes) {
      // No `?.` but for what is null in a restricted record: the types say that all else is there.
      const name = `${patient.firstName} ${patient.lastName}`;
      rows.push({ id, description, completedAt, patient: { name, mrn: patient.mrn?.toUpperCase() ?? '' }, clinician: clinician.name });
    }
    after = page.pageInfo.endCursor;
    pages -= page.pageInfo.hasNextPage ? 1 : pages;
  } while (pages > 0);
  return rows;
}

export async function patientByMrn(ask: Ask, mrn: string) {
  const { patient } = await ask(PatientByMrn, { mrn });
  return patient && { ...about(patient), phone: phone(patient) };
}

export async function patientById(ask: Ask, id: string) {
  const { node } = await ask(PatientById, { id });
  return node?.__typename === 'Patient' ? about(node) : null;
}

const about = ({ id, mrn, firstName, lastName, room }: PatientCardFragment) =>
  ({ id, mrn, name: `${firstName} ${lastName}`, room: room ?? 'no room' });

/** The telephone number, or the permission that the viewer lacks for it. */
function phone(patient: PatientCardFragment) {
  try {
    return { number: patient.contactPhone };
  } catch (error) {
    return { needs: (error as { extensions: { needs: string } }).extensions.needs };
  }
}

/** E-mail addresses of colleagues. They are non-null in the types; the error of a refused one is thrown here. */
export async function addresses(ask: Ask, first: number) {
  const { clinicians } = await ask(Colleagues, { first });
  return clinicians.nodes.map(({ email }) => email.toLowerCase());
}

export async function recordTaskLog(ask: Ask, input: CreateTaskLogInput) {
  const { taskLog, userErrors } = (await ask(RecordTaskLog, { input })).createTaskLog;
  return { userErrors, taskLog: taskLog && { id: taskLog.id, version: taskLog.version, clinician: taskLog.clinician.name } };
}
