// What the screens of a frontend ask. codegen/src/app.ts answers the same with graphql-codegen. A React application reads
// its fragments with `useFragment` and `usePaginationFragment`; without React, `waitForFragmentData` does it.

import { commitMutation, fetchQuery, graphql, type Environment, type GraphQLTaggedNode, type MutationParameters, type OperationType, type PayloadError } from 'relay-runtime';
import { waitForFragmentData } from 'relay-runtime/experimental';
import { environment } from './environment';
import type { appAddressesQuery } from './__generated__/appAddressesQuery.graphql';
import type { appPatient_card$key } from './__generated__/appPatient_card.graphql';
import type { appPatientQuery } from './__generated__/appPatientQuery.graphql';
import PatientAgain, { type appPatientRefetchQuery } from './__generated__/appPatientRefetchQuery.graphql';
import type { appRecordMutation } from './__generated__/appRecordMutation.graphql';
import type { appSignInMutation } from './__generated__/appSignInMutation.graphql';
import type { appTaskLogs_list$key } from './__generated__/appTaskLogs_list.graphql';
import type { appTaskLogs_row$key } from './__generated__/appTaskLogs_row.graphql';
import TaskLogsNextPage, { type appTaskLogsPaginationQuery } from './__generated__/appTaskLogsPaginationQuery.graphql';
import type { appTaskLogsQuery } from './__generated__/appTaskLogsQuery.graphql';

const SignIn = graphql`
  mutation appSignInMutation($input: SignInInput!) {
    signIn(input: $input) {
      accessToken
      userErrors { code message field }
    }
  }
`;

const TaskLogs = graphql`
  query appTaskLogsQuery($count: Int!) {
    ...appTaskLogs_list @arguments(count: $count)
  }
`;

const TaskLogList = graphql`
  fragment appTaskLogs_list on Query
  @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" })
  @refetchable(queryName: "appTaskLogsPaginationQuery")
  @throwOnFieldError {
    taskLogs(first: $count, after: $cursor) @connection(key: "appTaskLogs_taskLogs") {
      edges {
        node { ...appTaskLogs_row }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

const TaskLogRow = graphql`
  fragment appTaskLogs_row on TaskLog @throwOnFieldError {
    id
    description
    completedAt
    patient { mrn firstName lastName }
    clinician { name }
  }
`;

const Patient = graphql`
  query appPatientQuery($mrn: String!) @throwOnFieldError {
    patient(mrn: $mrn) { ...appPatient_card }
  }
`;

const PatientCard = graphql`
  fragment appPatient_card on Patient @refetchable(queryName: "appPatientRefetchQuery") @throwOnFieldError {
    id
    mrn
    firstName
    lastName
    dateOfBirth
    room
    status
    contactPhone @catch
  }
`;

const Addresses = graphql`
  query appAddressesQuery($first: Int!) @throwOnFieldError {
    clinicians(first: $first) {
      nodes { name email }
    }
  }
`;

const Record = graphql`
  mutation appRecordMutation($input: CreateTaskLogInput!) {
    createTaskLog(input: $input) {
      taskLog { version ...appTaskLogs_row }
      userErrors { code message field }
    }
  }
`;

export async function signIn(url: string, input: appSignInMutation['variables']['input']) {
  const { accessToken, userErrors } = (await mutate<appSignInMutation>(environment(url), SignIn, { input })).signIn!;
  return { userErrors, session: accessToken ? environment(url, accessToken) : null };
}

/** The newest task logs, as many pages of them. The store joins the pages. */
export async function taskLogs(session: Environment, pageSize: number, pages: number) {
  const query: appTaskLogs_list$key = await ask<appTaskLogsQuery>(session, TaskLogs, { count: pageSize });
  let { taskLogs } = await waitForFragmentData(session, TaskLogList, query);
  while (--pages > 0 && taskLogs.pageInfo.hasNextPage) {
    const variables = { count: pageSize, cursor: taskLogs.pageInfo.endCursor };
    await ask<appTaskLogsPaginationQuery>(session, TaskLogsNextPage, variables);
    ({ taskLogs } = await waitForFragmentData(session, TaskLogList, query));
  }
  return Promise.all(taskLogs.edges.map(({ node }) => row(session, node)));
}

async function row(session: Environment, key: appTaskLogs_row$key) {
  const { id, description, completedAt, patient, clinician } = await waitForFragmentData(session, TaskLogRow, key);
  // No `?.` but for what is null in a restricted record: the types say that all else is there.
  const name = `${patient.firstName} ${patient.lastName}`;
  return { id, description, completedAt, patient: { name, mrn: patient.mrn?.toUpperCase() ?? '' }, clinician: clinician.name };
}

export async function patientByMrn(session: Environment, mrn: string) {
  const { patient } = await ask<appPatientQuery>(session, Patient, { mrn });
  return patient && card(session, patient);
}

export async function patientById(session: Environment, id: string) {
  const { node } = await ask<appPatientRefetchQuery>(session, PatientAgain, { id });
  return node && card(session, node);
}

async function card(session: Environment, key: appPatient_card$key) {
  const { id, mrn, firstName, lastName, room, contactPhone } = await waitForFragmentData(session, PatientCard, key);
  // The telephone number, or the permission that the viewer lacks for it.
  const phone = contactPhone.ok
    ? { number: contactPhone.value }
    : { needs: (contactPhone.errors[0] as { extensions: { needs: string } }).extensions.needs };
  return { id, mrn, name: `${firstName} ${lastName}`, room: room ?? 'no room', phone };
}

/** E-mail addresses of colleagues. They are non-null in the types; a refused one fails the query. */
export async function addresses(session: Environment, first: number) {
  const { clinicians } = await ask<appAddressesQuery>(session, Addresses, { first });
  return clinicians.nodes.map(({ email }) => email.toLowerCase());
}

export async function recordTaskLog(session: Environment, input: appRecordMutation['variables']['input']) {
  const { taskLog, userErrors } = (await mutate<appRecordMutation>(session, Record, { input })).createTaskLog!;
  if (!taskLog) return { userErrors, taskLog };
  const { id, clinician } = await row(session, taskLog);
  return { userErrors, taskLog: { id, version: taskLog.version, clinician } };
}

async function ask<Query extends OperationType>(session: Environment, query: GraphQLTaggedNode, variables: Query['variables']) {
  const answer = await fetchQuery<Query>(session, query, variables).toPromise();
  if (!answer) throw new Error('The server did not answer.');
  return answer;
}

/** Relay has no `@throwOnFieldError` for mutations: this is it. After it a `@semanticNonNull` payload is there (`!`). */
const mutate = <Mutation extends MutationParameters>(session: Environment, mutation: GraphQLTaggedNode, variables: Mutation['variables']) =>
  new Promise<Mutation['response']>((done, fail) => {
    const onCompleted = (answer: Mutation['response'], errors?: readonly PayloadError[] | null) =>
      errors?.[0] ? fail(new Error(errors[0].message)) : done(answer);
    commitMutation<Mutation>(session, { mutation, variables, onCompleted, onError: fail });
  });
