import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { readFacts } from '../../cli/sandbox-facts.ts';
import { sandboxEnv } from '../../cli/sandbox.ts';
import { findLocalPostgres } from '../../sandbox/postgres/local-engine.ts';
import { onStage } from './story.ts';

// The human runbook, chapter by chapter, as it is written: typed with the real gcloud, gsutil, kubectl, redis-cli, pg_dump and psql. What
// works at Google works here, what fails there fails here, and what is wrong shows (docs/runbooks/as-written.md).

const TOOLS = ['gcloud', 'gsutil', 'kubectl', 'redis-cli', 'pg_dump', 'psql'];
const absent = TOOLS.filter((tool) => spawnSync('which', [tool]).status !== 0);
const postgres = findLocalPostgres();
const missing =
  absent.length > 0 ? `there is no ${absent.join(', ')}` : postgres.kind === 'missing' && postgres.because;
if (missing !== false)
  process.stderr.write(`\nSKIPPED: ${missing}, so nothing is known of the runbook as it is written.\n\n`);
const suite = missing === false ? describe : describe.skip;

/** Bounds one command, wall milliseconds: gcloud needs seconds, and a minute where the machine has other work. */
const COMMAND_MS_MAX = 180_000;

/** Memory that the command which reads without end may take, KiB. */
const MEMORY_MAX = 1_500_000;

/** A command of the runbook, its exit code, and what it says. */
type Typed = readonly [command: string, code: number, says: RegExp];

const PROJECT = '--project=coditect-prod';
const POD = '$(kubectl get pods -n coditect-dms -l app=coditect-dms-api -o name | head -n 1 | cut -d / -f 2)';

const CHAPTERS: readonly (readonly [chapter: string, commands: readonly Typed[]])[] = [
  [
    '3.1, until it promotes',
    [
      [`gcloud sql instances describe coditect-dms-db ${PROJECT}`, 0, /state: RUNNABLE/],
      [`gcloud sql operations list --instance=coditect-dms-db ${PROJECT}`, 0, /Listed 0 items/],
      [
        'kubectl exec -it deploy/coditect-dms-api -n coditect-dms -- python -c "from src.backend.database import engine; engine.connect()"',
        0,
        /Unable to use a TTY/,
      ],
      ['timeout 5 kubectl get pods -n coditect-dms -w', 124, /coditect-dms-api-\S+ +1\/1 +Running/],
    ],
  ],
  [
    '3.2',
    [
      [
        `gcloud sql instances clone coditect-dms-db coditect-dms-db-recovery --point-in-time="2025-12-28T10:00:00Z" ${PROJECT}`,
        1,
        /The requested point in time is outside of/,
      ],
      [`gcloud sql instances clone coditect-dms-db coditect-dms-db-recovery ${PROJECT}`, 0, /RUNNABLE/],
      [
        `gcloud sql export sql coditect-dms-db gs://coditect-dms-backups/recovery-$(date +%Y%m%d).sql --database=dms ${PROJECT}`,
        0,
        /Exported/,
      ],
      [
        `gcloud sql export sql coditect-dms-db gs://coditect-dms-backups/recovery-$(date +%Y%m%d).sql --database=dms ${PROJECT}`,
        1,
        /already exists/,
      ],
      [`gcloud sql instances delete coditect-dms-db-recovery ${PROJECT}`, 1, /The instance is protected/],
    ],
  ],
  [
    '4.1',
    [
      [
        `gcloud container clusters describe coditect-prod-cluster --zone=us-central1-a ${PROJECT}`,
        0,
        /status: RUNNING/,
      ],
      [
        `gcloud run services update coditect-dms-api --min-instances=3 --region=us-central1 ${PROJECT}`,
        0,
        /Creating Revision/,
      ],
    ],
  ],
  [
    '4.2',
    [
      ['kubectl get pods -n coditect-dms', 0, /coditect-dms-api-\S+ +1\/1 +Running/],
      [`kubectl describe pod ${POD} -n coditect-dms`, 0, /QoS Class: +Burstable/],
      [`kubectl logs ${POD} -n coditect-dms --previous`, 1, /previous terminated container "api" in pod/],
      [`kubectl delete pod ${POD} -n coditect-dms`, 0, /deleted/],
      ['kubectl scale deployment coditect-dms-api --replicas=5 -n coditect-dms', 0, /scaled/],
    ],
  ],
  [
    '5.1, until it promotes',
    [
      [
        `gcloud dns record-sets update dms-api.coditect.ai --type=A --zone=coditect-zone --rrdatas=203.0.113.9`,
        0,
        /dms-api\.coditect\.ai\. +A +\d+ +203\.0\.113\.9/,
      ],
    ],
  ],
  [
    '6.1',
    [
      ['gsutil ls gs://coditect-dms-backups/daily/', 0, /daily\/\S+\.sql\.gz/],
      [
        'gsutil cp $(gsutil ls gs://coditect-dms-backups/daily/ | tail -n 1) ./dump.sql.gz && gunzip dump.sql.gz',
        0,
        /Copying/,
      ],
      [
        `gcloud sql instances create coditect-dms-db-restore --database-version=POSTGRES_15 --tier=db-custom-4-16384 --region=us-central1 ${PROJECT}`,
        0,
        /RUNNABLE/,
      ],
      [
        `gcloud sql import sql coditect-dms-db-restore gs://coditect-dms-backups/daily/2025-12-27.sql --database=dms ${PROJECT}`,
        1,
        /does not have storage\.objects\.get access/,
      ],
    ],
  ],
  [
    '6.2',
    [
      [
        `pg_dump -h $PGHOST -U postgres -d dms --table='documents' --where="tenant_id='1'" -f tenant_documents.sql`,
        1,
        /unrecognized option '--where/,
      ],
      [`pg_dump -h $PGHOST -U postgres -d dms --table='documents' -f tenant_documents.sql`, 0, /^$/],
      // It ends with 0, and nothing of it was done.
      ['psql -h $PGHOST -U postgres -d dms -f tenant_documents.sql', 0, /duplicate key value[^]*already exists/],
    ],
  ],
  [
    'appendix A, while there are pods',
    [
      [`gcloud sql instances list ${PROJECT}`, 0, /coditect-dms-db-replica +POSTGRES_15/],
      [`gcloud redis instances list ${PROJECT} --region=us-central1`, 0, /coditect-dms-redis +REDIS_7_0/],
      ['gcloud logging read "resource.type=cloud_run_revision" --limit=100', 0, /cloud_run_revision/],
      ['timeout 5 kubectl logs -f deploy/coditect-dms-api -n coditect-dms', 124, /./],
      ['kubectl scale deployment coditect-dms-api --replicas=5 -n coditect-dms', 0, /scaled/],
      ['kubectl rollout restart deployment/coditect-dms-api -n coditect-dms', 0, /restarted/],
    ],
  ],
  [
    '7.1',
    [
      // It reads without end, and sends nothing.
      ['gcloud secrets versions add jwt-secret --data-file=/dev/urandom', 1, /MemoryError/],
      [
        'redis-cli -h 127.0.0.1 -p $(gcloud redis instances describe coditect-dms-redis --region=us-central1 --format="value(port)") FLUSHDB',
        1,
        /reset by peer|closed the connection/i,
      ],
      ['kubectl set env deployment/coditect-dms-api API_LOG_LEVEL=DEBUG -n coditect-dms', 0, /env updated/],
      ['kubectl scale deployment coditect-dms-api --replicas=0 -n coditect-dms', 0, /scaled/],
    ],
  ],
  [
    '3.1 and 5.1, which promote without a fence',
    [
      [`gcloud sql instances promote-replica coditect-dms-db-replica ${PROJECT}`, 0, /Promoted/],
      [`gcloud sql instances promote-replica coditect-dms-db-east ${PROJECT}`, 0, /Promoted/],
      [
        'kubectl set env deployment/coditect-dms-api API_DATABASE_URL="postgresql://user:pass@new-primary:5432/dms" -n coditect-dms',
        0,
        /env updated/,
      ],
    ],
  ],
];

suite('the runbook as it is written', () => {
  it(
    'works where it is right, fails where it fails at Google, and leaves three primaries',
    () =>
      onStage({ name: 'as-written', postgres: 'local' }, async (stage) => {
        const { stdout: variables } = await sandboxEnv(await readFacts(stage.folder));
        const type = async (command: string): Promise<{ readonly code: number; readonly said: string }> => {
          const bound = command.includes('/dev/urandom') ? `ulimit -v ${MEMORY_MAX}` : '';
          const script = `${variables}\n${bound}\n${command}`;
          const options = { cwd: stage.folder, timeout: COMMAND_MS_MAX };
          try {
            const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script], options);
            return { code: 0, said: `${stdout}${stderr}` };
          } catch (error) {
            const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }; // execFile's own error
            return { code, said: `${stdout}${stderr}` };
          }
        };
        for (const [chapter, commands] of CHAPTERS)
          for (const [command, code, says] of commands)
            expect({ chapter, command, ...(await type(command)) }).toEqual({
              chapter,
              command,
              code,
              said: expect.stringMatching(says),
            });

        const { servers } = stage.sandbox.world.sql.fleet;
        const fleet = ['coditect-dms-db', 'coditect-dms-db-replica', 'coditect-dms-db-east'];
        expect(fleet.map((name) => servers.server(name)?.role())).toEqual(['primary', 'primary', 'primary']);
      }),
    1_800_000,
  );
});
