// What must not compile. Each line says the error that it gives.

import type { Environment } from 'relay-runtime';
import { recordTaskLog } from '../src/app';
import type { appPatient_card$data } from '../src/__generated__/appPatient_card.graphql';
import type { appTaskLogs_list$data } from '../src/__generated__/appTaskLogs_list.graphql';
import type { appTaskLogs_row$data } from '../src/__generated__/appTaskLogs_row.graphql';

declare const session: Environment;
declare const list: appTaskLogs_list$data;
declare const log: appTaskLogs_row$data;
declare const patient: appPatient_card$data;

// A wrong field, and one that was not asked for.
log.patient.fristName; // error TS2551: Property 'fristName' does not exist
log.patient.dateOfBirth; // error TS2339: Property 'dateOfBirth' does not exist

// @semanticNonNull is non-null, on a scalar, an object and a connection: the types have no null to complain about.
const clinician: number = log.clinician.name; // error TS2322: Type 'string' is not assignable to type 'number'.
const logPatient: string = log.patient; // error TS2322: Type '{ readonly firstName: string | null; readonly lastName: string | null; readonly mrn: string | null; }' is not
const cursor: string = list.taskLogs.pageInfo.endCursor; // error TS2322: Type 'string | null' is not assignable to type 'string'.

// What may be null without an error stays so, and what is caught has to be looked at.
const firstName: string = log.patient.firstName; // error TS2322: Type 'string | null' is not assignable to type 'string'.
const room: string = patient.room; // error TS2322: Type 'string | null' is not assignable to type 'string'.
const phone: string = patient.contactPhone; // error TS2322: Type 'Result<string | null, unknown>' is not assignable to type 'string'.

// Inputs.
recordTaskLog(session, { patientId: patient.id, taskType: 'OTHER' }); // error TS2741: Property 'description' is missing
