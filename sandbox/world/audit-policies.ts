import type { AlertPolicyDocument } from './monitoring-policy.ts';
import { policy } from './policy-document.ts';
import type { Project } from './project.ts';
import { functionPrincipal, REFERENCE, SECONDARY } from './reference-system.ts';

// What of Cloud Audit Logs the reference system alerts by (runbook 7.1): whoever does what a thief would do, and is none of those whom
// `dr.yaml` names for it. One such call is enough, and each tells who, what and where in the policy's documentation.

/** Whom the reference `dr.yaml` names for each of its secrets, besides `recover`. */
const WORKLOADS = ['dms-api', 'dms-api-run'];

/** Who changes the project by profession, besides `recover`. */
const DEPLOYER = 'terraform';

const account = (name: string, project: Project): string => `${name}@${project.id}.iam.gserviceaccount.com`;

/** The policies about audit logs. */
export function auditPolicies(project: Project): readonly AlertPolicyDocument[] {
  const recover = functionPrincipal('recover', project.id);
  const readers = [...WORKLOADS.map((name) => account(name, project)), recover];
  const administrators = [recover, account(DEPLOYER, project)];
  const secrets = [
    REFERENCE.signingSecret,
    REFERENCE.paymentSecret,
    REFERENCE.databaseSecret,
    SECONDARY.databaseSecret,
  ].map((secret) => `(protoPayload.resourceName : "/secrets/${secret}/"${noneOf(readers)})`);
  const { id } = project;
  return [
    audited(project, {
      number: 10,
      displayName: 'dr-secret-read',
      about: 'Runbook 7.1. A secret was read by somebody whom dr.yaml does not name for it.',
      condition: 'A secret is read by a stranger',
      filter: `logName = "projects/${id}/logs/cloudaudit.googleapis.com%2Fdata_access" AND protoPayload.methodName = "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion" AND (${secrets.join(' OR ')})`,
    }),
    audited(project, {
      number: 11,
      displayName: 'dr-database-user-changed',
      about:
        'Runbook 7.1. A user of the database or its password was changed by somebody who is no administrator of dr.yaml.',
      condition: 'A user of the database is changed by a stranger',
      filter: `logName = "projects/${id}/logs/cloudaudit.googleapis.com%2Factivity" AND (protoPayload.methodName = "cloudsql.users.create" OR protoPayload.methodName = "cloudsql.users.update") AND (resource.labels.database_id = "${id}:coditect-dms-db")${noneOf(administrators)}`,
    }),
    audited(project, {
      number: 12,
      displayName: 'dr-project-policy-changed',
      about: 'Runbook 7.1. Who may do what in the project was changed by somebody who is no administrator of dr.yaml.',
      condition: 'The policy of the project is changed by a stranger',
      filter: `logName = "projects/${id}/logs/cloudaudit.googleapis.com%2Factivity" AND resource.type = "project" AND protoPayload.methodName = "SetIamPolicy"${noneOf(administrators)}`,
    }),
  ];
}

const noneOf = (principals: readonly string[]): string =>
  principals.map((one) => ` AND NOT protoPayload.authenticationInfo.principalEmail = "${one}"`).join('');

/** A call that was refused has done nothing (google.rpc.Code 7). */
const DONE = ' AND NOT protoPayload.status.code = 7';

/** In the documentation, since a log match tells nothing of the entry elsewhere; intake reads these lines. */
const WHO_WHAT = [
  // Variables of Monitoring's, not of this program.
  'principal: ${log.extracted_label.principal}',
  'method: ${log.extracted_label.method}',
  'resource: ${log.extracted_label.resource}',
].join('\n');

function audited(
  project: Project,
  draft: {
    readonly number: number;
    readonly displayName: string;
    readonly about: string;
    readonly condition: string;
    readonly filter: string;
  },
): AlertPolicyDocument {
  const { number, displayName, about, condition, filter } = draft;
  return policy(project, {
    number,
    displayName,
    severity: 'CRITICAL',
    scenario: 'security-breach',
    target: project.id,
    about: `${about}\n\n${WHO_WHAT}`,
    conditions: [
      {
        displayName: condition,
        conditionMatchedLog: {
          filter: filter + DONE,
          labelExtractors: {
            principal: 'EXTRACT(protoPayload.authenticationInfo.principalEmail)',
            method: 'EXTRACT(protoPayload.methodName)',
            resource: 'EXTRACT(protoPayload.resourceName)',
          },
        },
      },
    ],
    // What is told once an hour of the same deed; one that goes on is no news before.
    alertStrategy: {
      autoClose: '604800s',
      notificationPrompts: ['OPENED'],
      notificationRateLimit: { period: '3600s' },
    },
  });
}
