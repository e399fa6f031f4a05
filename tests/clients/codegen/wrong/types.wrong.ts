// What must not compile. Each line says the error that it gives.

import type { Ask } from '../src/client.js';
import type { PatientCardFragment, TaskLogsQuery } from '../src/gql/graphql.js';
import { recordTaskLog } from '../src/app.js';

declare const ask: Ask;
declare const log: TaskLogsQuery['taskLogs']['nodes'][number];
declare const patient: PatientCardFragment;

// A wrong field, and one that was not asked for.
log.patient.fristName; // error TS2551: Property 'fristName' does not exist
log.patient.dateOfBirth; // error TS2339: Property 'dateOfBirth' does not exist

// @semanticNonNull is non-null, on a scalar, an object and a connection: the types have no null to complain about.
const clinician: number = log.clinician.name; // error TS2322: Type 'string' is not assignable to type 'number'.
const logPatient: string = log.patient; // error TS2322: Type '{ id: string; mrn: string | null; firstName: string | null; lastName: string | null; }' is not
declare const connection: TaskLogsQuery['taskLogs'];
const cursor: string = connection.pageInfo.endCursor; // error TS2322: Type 'string | null' is not assignable to type 'string'.

// What may be null without an error stays so.
const firstName: string = log.patient.firstName; // error TS2322: Type 'string | null' is not assignable to type 'string'.
const room: string = patient.room; // error TS2322: Type 'string | null' is not assignable to type 'string'.

// Inputs.
recordTaskLog(ask, { patientId: patient.id, taskType: 'SURGERY', description: '' }); // error TS2322: Type '"SURGERY"' is not assignable to type 'TaskType'
recordTaskLog(ask, { patientId: patient.id, taskType: 'OTHER' }); // error TS2741: Property 'description' is missing
