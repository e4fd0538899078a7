import type { Principal } from './kernel.ts';
import type { Project } from './project.ts';

// Google's own identities in a project, by which its services act.

/** Publishes notifications of alerts (facts.md 1.3). */
export const monitoringAgent = (project: Project): Principal =>
  `service-${project.number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com`;

/** Publishes what Cloud Scheduler's jobs send. */
export const schedulerAgent = (project: Project): Principal =>
  `service-${project.number}@gcp-sa-cloudscheduler.iam.gserviceaccount.com`;
